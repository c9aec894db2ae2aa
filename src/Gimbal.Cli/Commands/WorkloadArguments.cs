using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Gimbal.Cli.Bench;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal bench --work</c>: whole workloads on models of random weights, a line for each as it is done.</summary>
internal sealed class WorkloadArguments
{
    private const string Ops = "ops";

    private readonly Option<string> work = new("--work")
    {
        Description = $"Whole workloads instead of ops: a comma list of {string.Join(", ", WorkloadBench.Names)}, {Ops}.",
    };

    private readonly Option<string> model = new("--model")
    {
        Description = $"Shape of the model: {string.Join(", ", WorkloadPlan.Shapes.Keys)}.",
        DefaultValueFactory = _ => new WorkloadPlan().Model,
    };

    private readonly Option<ModelDtype> dtype = new("--dtype") { Description = "Element type of the models; without --work: of the ops, bf16 for matrix products alone." };
    private readonly Option<int> batch = Number("--batch", "Sequences (train), pairs (dpo), completions in all (grpo, ppo).", 8);
    private readonly Option<int> length = Number("--seq", "Tokens of a sequence (train, dpo).", 256);
    private readonly Option<int> prompt = Number("--prompt", "Tokens of a prompt (gen, grpo, ppo).", 32);
    private readonly Option<int> generated = Number("--new", "Tokens generated after it (gen, grpo, ppo).", 128);
    private readonly Option<int> group = Number("--group", "Completions of a prompt (grpo).", 8);
    private readonly Option<int> micro = Number("--micro-batch", "Sequences forwarded at a time; 0: all of a step.", 0);
    private readonly Option<int> repeats = Number("--reps", "Timed runs.", 5);
    private readonly Option<int> warmup = Number("--warmup", "Runs before them.", 2);
    private readonly Option<string> batches = new("--gen-batch")
    {
        Description = "Batch sizes of gen: a comma list.",
        DefaultValueFactory = _ => "1,8,32",
    };

    public void AddTo(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[work, model, dtype, batch, length, prompt, generated, group, micro, repeats, warmup, batches])
            command.Options.Add(option);
        work.Validators.Add(result =>
        {
            if (Names(result.GetValueOrDefault<string>()).FirstOrDefault(name => name != Ops && !WorkloadBench.Names.Contains(name)) is { } wrong)
                result.AddError($"--work: wanted {string.Join(", ", WorkloadBench.Names)} or {Ops}, got '{wrong}'.");
        });
        model.Validators.Add(result =>
        {
            if (!WorkloadPlan.Shapes.ContainsKey(result.GetValueOrDefault<string>() ?? ""))
                result.AddError($"--model: wanted one of {string.Join(", ", WorkloadPlan.Shapes.Keys)}.");
        });
    }

    public DType Dtype(ParseResult parsed) => (DType)parsed.GetValue(dtype);

    public bool IsGiven(ParseResult parsed) => parsed.GetValue(work) is not null;

    public int Run(ParseResult parsed, string deviceName, int threads, bool isQuick, bool isJson, CancellationToken cancellationToken)
    {
        WorkloadPlan plan = new()
        {
            Model = parsed.GetValue(model)!,
            Dtype = parsed.GetValue(dtype),
            Batch = parsed.GetValue(batch),
            Length = parsed.GetValue(length),
            Prompt = parsed.GetValue(prompt),
            New = parsed.GetValue(generated),
            Group = parsed.GetValue(group),
            GenerationBatches = [.. Names(parsed.GetValue(batches)).Select(text => int.Parse(text, CultureInfo.InvariantCulture))],
            MicroBatch = parsed.GetValue(micro),
            Repeats = Math.Max(1, parsed.GetValue(repeats)),
            Warmup = Math.Max(0, parsed.GetValue(warmup)),
        };
        using Device device = Device.Open(deviceName, new DeviceOptions { Threads = threads });
        foreach (string name in Names(parsed.GetValue(work)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (name == Ops)
                TimeOps(device, (DType)plan.Dtype, isQuick, isJson, cancellationToken);
            else
                foreach (WorkloadResult result in WorkloadBench.Run(device, name, plan))
                    Write(result, plan, device, isJson);
        }

        return ExitCode.Success;
    }

    private static void Write(WorkloadResult result, WorkloadPlan plan, Device device, bool isJson)
    {
        WorkloadFloor floor = WorkloadFloor.Of(result.Work, plan, result.Batch);
        double peak = Process.GetCurrentProcess().PeakWorkingSet64 / (double)(1 << 20), held = result.ArenaBytes / (double)(1 << 20);
        Console.Out.WriteLine(!isJson
            ? FormattableString.Invariant($"{result.Work,-12} {plan.Model,-10} batch {result.Batch,-4} {result.Median * 1e3,10:0.0} ms {result.TokensPerSecond,10:0} tokens/s   held {held,7:0} MiB   peak {peak,7:0} MiB")
            : new JsonObject
            {
                ["what"] = result.Work,
                ["model"] = plan.Model,
                ["dtype"] = plan.Dtype == ModelDtype.Bf16 ? "bf16" : "fp32",
                ["threads"] = device.Threads,
                ["batch"] = result.Batch,
                ["median_s"] = result.Median,
                ["min_s"] = result.Seconds.Min(),
                ["reps"] = result.Seconds.Count,
                ["tokens"] = result.Tokens,
                ["tokens_per_s"] = result.TokensPerSecond,
                ["training_flops"] = floor.TrainingFlops,
                ["generation_flops"] = floor.GenerationFlops,
                ["generation_bytes"] = floor.GenerationBytes,
                ["held_mib"] = held,
                ["peak_rss_mib"] = peak,
            }.ToJsonString());
        Console.Out.Flush();
    }

    private static void TimeOps(Device device, DType dtype, bool isQuick, bool isJson, CancellationToken cancellationToken)
    {
        Ceiling ceiling = Ceiling.Measure(device, isQuick);
        foreach (BenchResult result in BenchSuite.RunWorkloadOps(device, isQuick, ceiling, dtype, cancellationToken))
        {
            Console.Out.WriteLine(!isJson
                ? FormattableString.Invariant($"{result.Operation,-20} {result.Shape,-22} {result.Milliseconds,10:0.0000} ms {result.Rate,18} {100 * result.ShareOfFloor,8:0.0}% of floor")
                : new JsonObject
                {
                    ["what"] = result.Operation,
                    ["threads"] = device.Threads,
                    ["shape"] = result.Shape,
                    ["median_s"] = result.Milliseconds / 1e3,
                    ["share_of_floor"] = result.ShareOfFloor,
                }.ToJsonString());
            Console.Out.Flush();
        }
    }

    private static string[] Names(string? list) => (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Option<int> Number(string name, string description, int value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
