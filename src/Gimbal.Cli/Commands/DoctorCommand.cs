using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Gimbal.Cli.Terminal;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal doctor</c>: what was found of devices, instruction sets and libraries, and what is wrong.</summary>
internal static class DoctorCommand
{
    /// <summary>Variables that change what the engine does; one that is set is worth knowing about.</summary>
    private static readonly string[] Variables =
        ["GIMBAL_NATIVE_PATH", "GIMBAL_CPU_ISA", "GIMBAL_THREADS", "GIMBAL_SYNC", "GIMBAL_CUDA_DRIVER", "GIMBAL_DEBUG"];

    public static Command Create()
    {
        Option<FileInfo?> config = new("--config") { Description = "YAML file of a run to look at before it starts.", HelpName = "file.yaml" };
        Option<string[]> set = new("--set") { Description = "Sets one configuration key; may be repeated.", HelpName = "a.b=c" };
        Command command = new("doctor", "Says what devices, instruction sets and libraries it found, and what is wrong; of a run as well.") { config, set };
        command.SetAction(parsed => Run(parsed, parsed.GetValue(config)?.ToString(), parsed.GetValue(set) ?? []));
        return command;
    }

    private static int Run(ParseResult parsed, string? file, string[] assignments)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        List<string> faults = [];
        Line(output, "gimbal", typeof(DoctorCommand).Assembly.GetName().Version?.ToString(3) ?? "unknown");
        Line(output, "system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        Line(output, "runtime", $"{RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} processors");
        foreach (string variable in Variables)
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value)
                Line(output, variable, value);
        }

        Describe(output, "cpu", faults);
        Describe(output, "cuda:0", faults);
        if (file is not null && faults.Count == 0)
            Examine(parsed, file, assignments, faults);
        foreach (string fault in faults)
            Line(output, "wrong", fault);
        Line(output, "verdict", faults.Count == 0 ? "ready" : "not ready");
        return faults.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static void Examine(ParseResult parsed, string file, string[] assignments, List<string> faults)
    {
        (ConfiguredCommand command, OptionLayers layers) = ConfiguredRun.Read(ConfiguredRun.Trainers(), file, assignments);
        using Output quiet = new(isJson: true);
        TextWriter output = parsed.InvocationConfiguration.Output;
        Line(output, "run", $"{command.Name}, {file}");
        foreach (Finding finding in RunDoctor.Check(new CommandContext(command.Name, layers, quiet, false, parsed), command))
        {
            string text = $"{finding.Where}: {finding.What}{(finding.Remedy.Length > 0 ? $"; {finding.Remedy}" : "")}";
            if (finding.Level == FindingLevel.Fault)
                faults.Add(text);
            else
                Line(output, finding.Level == FindingLevel.Warning ? "warning" : "note", text);
        }
    }

    /// <summary>Opens a device and says what it is. A machine without a GPU is no fault; one without the cpu device is.</summary>
    private static void Describe(TextWriter output, string name, List<string> faults)
    {
        try
        {
            using Device device = Device.Open(name);
            Line(output, name, string.Create(CultureInfo.InvariantCulture,
                $"{device.Processor}, {device.InstructionSet}, {device.Threads} threads, {device.MemoryBytes / (1L << 20)} MiB"));
            if (device.InstructionSet == "portable" && RuntimeInformation.ProcessArchitecture == Architecture.X64)
                Line(output, "note", "no AVX2: the portable kernels serve, with the same bits, slowly");
        }
        catch (Exception exception) when (exception is GimbalException or DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            string reason = (exception as TypeInitializationException)?.InnerException?.Message ?? exception.Message;
            Line(output, name, $"not to be had: {reason}");
            if (name == "cpu")
                faults.Add("the native engine does not load; build it with build.sh build, or point GIMBAL_NATIVE_PATH at it");
        }
    }

    private static void Line(TextWriter output, string name, string value) => output.WriteLine($"{name,-18} {value}");
}
