using System.Diagnostics;

namespace Gimbal.Tests.Structure;

/// <summary>The emulated driver reports every planted fault: a checker that found nothing would prove nothing.</summary>
public sealed class EmulatorTests
{
    private const string Faults = "cudaemu_faults", SelfTest = "cudaemu_selftest";

    [Fact]
    public void EveryPlantedFaultIsReported()
    {
        string program = Program(Faults);
        string[] names = Run(program, "--list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.True(names.Length >= 15, $"{names.Length} planted faults");
        Findings.AssertNone(
            from name in names
            let run = Run(program, name)
            where run.Code != 0
            select $"{name}: {run.Output}");
    }

    [Fact]
    public void ThePrimitivesAreWhatTheirDefinitionsSay()
    {
        (int code, string output) = Run(Program(SelfTest));
        Assert.True(code == 0, output);
    }

    private static string Program(string name)
    {
        string? driver = Environment.GetEnvironmentVariable("GIMBAL_CUDA_DRIVER");
        string program = Path.Combine(Path.GetDirectoryName(driver) ?? "", name);
        Assert.SkipUnless(!string.IsNullOrEmpty(driver) && File.Exists(program),
            "GIMBAL_CUDA_DRIVER does not name the emulated driver: cmake --preset emulator && cmake --build --preset emulator");
        return program;
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
