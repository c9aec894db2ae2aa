using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal doctor</c>: what was found of devices, instruction sets and libraries, and what is wrong.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        Command command = new("doctor", "Says what devices, instruction sets and libraries it found, and what is wrong.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        Line("gimbal", typeof(DoctorCommand).Assembly.GetName().Version?.ToString(3) ?? "unknown");
        Line("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        Line("runtime", RuntimeInformation.FrameworkDescription);
        Line("processors", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture));
        Line("memory", $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1L << 20)} MiB available to the process");
        Line("instructions", Instructions());
        return ExitCode.Success;
    }

    private static string Instructions()
    {
        List<string> found = [];
        if (Avx2.IsSupported && Fma.IsSupported)
            found.Add("AVX2 with FMA (x86-64-v3)");
        if (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported)
            found.Add("AVX-512 (x86-64-v4)");
        return found.Count > 0 ? string.Join(", ", found) : "neither AVX2 nor AVX-512: the portable kernels serve, slowly";
    }

    private static void Line(string name, string value) => Console.WriteLine($"{name,-14} {value}");
}
