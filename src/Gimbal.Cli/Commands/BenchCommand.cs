using System.CommandLine;
using System.Text.Json.Nodes;
using Gimbal.Cli.Bench;
using Gimbal.Tensors;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal bench</c>: times each op and sets it against what the machine can do.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<string> device = new("--device") { Description = "cpu or cuda:N.", DefaultValueFactory = _ => "cpu" };
        Option<int> threads = new("--threads") { Description = "Threads of the cpu device; 0: one per core." };
        Option<string> op = new("--op") { Description = "Only ops whose name contains this.", DefaultValueFactory = _ => "" };
        Option<bool> quick = new("--quick") { Description = "Small shapes, a second in all: a check that every op runs." };
        Option<bool> json = new("--json") { Description = "Standard output carries JSON alone." };
        Option<bool> check = new("--check") { Description = "Only that no kernel has become slow: ratios to plain loops, a second in all." };
        WorkloadArguments work = new();
        Command command = new("bench", "Times each op, or whole workloads: milliseconds, rate, share of the floor.") { device, threads, op, quick, json, check };
        work.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Task.FromResult(parsed.GetValue(check) ? Check()
            : work.IsGiven(parsed) ? work.Run(parsed, parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(quick), parsed.GetValue(json), cancellationToken)
            : Run(parsed.GetValue(device)!, parsed.GetValue(threads),
            parsed.GetValue(op)!, work.Dtype(parsed), parsed.GetValue(quick), parsed.GetValue(json), cancellationToken)));
        return command;
    }

    private static int Check()
    {
        IReadOnlyList<SpeedCheckResult> results = SpeedCheck.Run();
        foreach (SpeedCheckResult result in results)
            Console.Out.WriteLine(FormattableString.Invariant(
                $"{result.Operation,-20} {result.Ratio,8:0.0} times a plain loop; wanted {result.Least:0} {(result.Passes ? "" : "SLOW")}").TrimEnd());
        return results.All(result => result.Passes) ? ExitCode.Success : ExitCode.Failure;
    }

    private static int Run(string name, int threads, string filter, DType dtype, bool isQuick, bool isJson, CancellationToken cancellationToken)
    {
        using Device device = Device.Open(name, new DeviceOptions { Threads = threads });
        Ceiling ceiling = Ceiling.Measure(device, isQuick);
        TextWriter table = isJson ? Console.Error : Console.Out;
        table.WriteLine(device.ToString());
        table.WriteLine(FormattableString.Invariant($"ceilings measured now: memory {ceiling.BytesPerSecond / 1e9:0.0} GB/s, float32 {ceiling.FlopsPerSecond / 1e9:0} GFLOP/s"));
        table.WriteLine($"{"op",-26} {"shape",-22} {"ms",10} {"rate",18} {"% of floor",11}");
        JsonArray ops = [];
        foreach (BenchResult result in BenchSuite.Run(device, filter, isQuick, ceiling, dtype, cancellationToken))
        {
            table.WriteLine(FormattableString.Invariant(
                $"{result.Operation,-26} {result.Shape,-22} {result.Milliseconds,10:0.000} {result.Rate,18} {100 * result.ShareOfFloor,11:0.0}"));
            ops.Add((JsonNode)new JsonObject
            {
                ["op"] = result.Operation,
                ["shape"] = result.Shape,
                ["milliseconds"] = result.Milliseconds,
                ["bytes"] = result.Bytes,
                ["flops"] = result.Flops,
                ["share_of_floor"] = result.ShareOfFloor,
            });
        }

        table.WriteLine("floor: inputs read once and outputs written once at the measured bandwidth, or operations at the measured peak; above 100% the data stayed in a cache.");
        if (dtype == DType.BFloat16)
            table.WriteLine("bfloat16: the peak counts twice that of float32 where the processor multiplies pairs.");
        if (isJson)
        {
            Console.Out.WriteLine(new JsonObject
            {
                ["schema"] = 1,
                ["device"] = device.Name,
                ["processor"] = device.Processor,
                ["instruction_set"] = device.InstructionSet,
                ["dtype"] = dtype == DType.BFloat16 ? "bf16" : "float32",
                ["threads"] = device.Threads,
                ["gigabytes_per_second"] = ceiling.BytesPerSecond / 1e9,
                ["gigaflops"] = ceiling.FlopsPerSecond / 1e9,
                ["ops"] = ops,
            }.ToJsonString());
        }

        return ExitCode.Success;
    }
}
