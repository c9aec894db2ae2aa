using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Gimbal.Tests.Structure;

/// <summary>Rules of kernels/: what may be written where, and that the checked-in PTX is what the sources compile to.</summary>
public sealed partial class KernelTests
{
    [Fact]
    public void TheCheckedInPtxIsWhatTheKernelsCompileTo()
    {
        string folder = Repository.At("kernels/ptx");
        Assert.SkipUnless(OperatingSystem.IsLinux() && Tool("clang++-19"), "clang++-19 is not installed: PTX cannot be made here");
        string made = Directory.CreateTempSubdirectory("gimbal-ptx-").FullName;
        try
        {
            Run("bash", Repository.At("scripts/ptx.sh"), made);
            Assert.Equal(Names(folder), Names(made));
            Findings.AssertNone(Names(made)
                .Where(name => File.ReadAllText(Path.Combine(folder, name)) != File.ReadAllText(Path.Combine(made, name)))
                .Select(name => $"kernels/ptx/{name} is not what its source compiles to: run scripts/ptx.sh"));
        }
        finally
        {
            Directory.Delete(made, recursive: true);
        }
    }

    [Fact]
    public void InlinePtxStandsInOneHeader() => Findings.AssertNone(
        from file in Repository.Files("kernels", ".cu", ".h")
        where file != "kernels/simt/ptx.h"
        from line in File.ReadLines(Repository.At(file)).Select((text, i) => (text, number: i + 1))
        where InlineAssembler().IsMatch(line.text)
        select $"{file}:{line.number}: inline PTX belongs in kernels/simt/ptx.h");

    [Fact]
    public void EveryOpcodeOfInlinePtxIsListed()
    {
        string source = File.ReadAllText(Repository.At("kernels/simt/ptx.h"));
        IEnumerable<string> used = Opcode().Matches(source).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(File.ReadAllLines(Repository.At("kernels/simt/opcodes.txt")), used);
    }

    /// <summary>A register that spilled, an array that went to memory, a function that was not inlined: each costs more than the kernel.</summary>
    [Fact]
    public void KernelsStayInRegisters() => Findings.AssertNone(
        from file in Repository.Files("kernels/ptx", ".ptx")
        from line in File.ReadLines(Repository.At(file)).Select((text, i) => (text, number: i + 1))
        where LocalMemoryOrCall().IsMatch(line.text)
        select $"{file}:{line.number}: {line.text.Trim()}");

    private static string[] Names(string folder) =>
        [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private static bool Tool(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, name)));

    private static void Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }

    [GeneratedRegex(@"\basm\b\s*(volatile)?\s*\(")]
    private static partial Regex InlineAssembler();

    // The first word of each statement in a string of an asm.
    [GeneratedRegex(@"asm(?: volatile)?\(\s*""(\w+(?:\.\w+)+)")]
    private static partial Regex Opcode();

    [GeneratedRegex(@"^\s*(\.local|call)\b|\b(ld|st)\.local\b")]
    private static partial Regex LocalMemoryOrCall();
}
