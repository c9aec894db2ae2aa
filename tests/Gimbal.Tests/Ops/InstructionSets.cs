using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gimbal.Tests;

/// <summary>
/// Compares an op's bits between the instruction sets of the CPU backend. The set is chosen when the library loads, so each
/// of the others runs in a process of its own: this test program, restricted to the tests named <c>InstructionSetsAgree</c>,
/// once per set and test run. There each such test leaves its numbers in a file instead of comparing them.
/// </summary>
/// <remarks>
/// <code>
/// [Fact]
/// public void InstructionSetsAgree() => InstructionSets.AssertSameBits(() => [.. Forward(), .. Backward()]);
/// </code>
/// One such test for a file, with sizes that leave tails in every lane; the portable set is slow, so keep them small.
/// </remarks>
internal static class InstructionSets
{
    private const string FolderVariable = "GIMBAL_TEST_BITS";
    private static readonly string[] Names = ["v4", "v3", "portable"];
    private static readonly Lazy<Dictionary<string, (string Folder, string Output)>> Runs = new(RunAll);

    /// <summary>The numbers have the same bits here and under every instruction set that the processor has.</summary>
    public static void AssertSameBits(Func<float[]> compute, [CallerFilePath] string testFile = "",
        [CallerMemberName] string test = "")
    {
        Assert.SkipUnless(TestDevice.IsCpu, "instruction sets are the CPU's");
        Assert.True(test == "InstructionSetsAgree", "the test must be named InstructionSetsAgree");
        string name = Path.GetFileNameWithoutExtension(testFile) + ".bits";
        float[] here = compute();
        Assert.NotEmpty(here);
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } folder)
        {
            File.WriteAllBytes(Path.Combine(folder, name), MemoryMarshal.AsBytes(here.AsSpan()).ToArray());
            return;
        }

        foreach ((string set, (string run, string output)) in Runs.Value)
        {
            string file = Path.Combine(run, name);
            Assert.True(File.Exists(file), $"{set}: the test left no numbers. Its process said: {output}");
            float[] there = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
            Assert.Equal(here.Length, there.Length);
            for (int i = 0; i < here.Length; i++)
            {
                Assert.True(BitConverter.SingleToUInt32Bits(here[i]) == BitConverter.SingleToUInt32Bits(there[i]),
                    $"{set}: element {i}: wanted {here[i]:R} as by default, got {there[i]:R}");
            }
        }
    }

    private static Dictionary<string, (string Folder, string Output)> RunAll() =>
        Names.ToDictionary(name => name, Run);

    private static (string Folder, string Output) Run(string set)
    {
        string folder = Directory.CreateTempSubdirectory("gimbal-" + set + "-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Gimbal.Tests.dll"));
        }

        start.ArgumentList.Add("--filter-method");
        start.ArgumentList.Add("*.InstructionSetsAgree");
        foreach (string variable in start.Environment.Keys.Where(IsOfTheRunner).ToArray())
        {
            start.Environment.Remove(variable);
        }

        start.Environment["GIMBAL_CPU_ISA"] = set;
        start.Environment[FolderVariable] = folder;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (folder, output + errors.Result);
    }

    // What a parent test runner tells its child about itself.
    private static bool IsOfTheRunner(string variable) =>
        variable.StartsWith("TESTINGPLATFORM_", StringComparison.Ordinal) ||
        variable.StartsWith("DOTNET_CLI_TEST", StringComparison.Ordinal);
}
