using Gimbal.Cli.Compare;
using Gimbal.Cli.Report;
using Gimbal.Cli.Terminal;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>A command that runs one trainer: judges before and after, writes <c>summary.json</c> and <c>report.html</c>.</summary>
/// <typeparam name="T">The trainer's options.</typeparam>
internal abstract class TrainingCommand<T>(string name, string description) : ConfiguredCommand(name, description)
    where T : TrainerOptions
{
    /// <summary>Loads model and data and prepares the trainer; whatever is wrong with them shows here, before the run starts.</summary>
    protected abstract TrainingJob Prepare(CommandContext context, T options, Device device);

    /// <summary>The flags that every trainer has.</summary>
    protected override IEnumerable<(string Flag, string Key, string Description)> Switches =>
        [("--strict", "watch.strict", "Ends with exit code 1 if the run was warned of anything"),
         ("--record", "train.record", "Writes every token of every step into records/ (grpo, ppo)"),
         ("--verify-rollouts", "train.verify_rollouts", "Stops if a rollout's log-probabilities, computed again, differ in a bit (grpo, ppo)")];

    /// <summary>What the trainer's rate counts.</summary>
    protected virtual string Unit => "tokens";

    /// <summary>The options with the run folder in them. A record's <c>with</c> needs the type itself.</summary>
    protected abstract T In(T options, string folder, bool isResumed, string configuration);

    /// <summary>The keys that trainers of language models share; the small settings bring their own task along.</summary>
    protected static OptionLayers Inputs(bool isQuick) => new OptionLayers()
        .Add(isQuick ? new ModelOptions { Width = 32, Layers = 1 } : new ModelOptions()).Add(new RunOptions())
        .Add(isQuick ? new DataOptions { Task = "sums", Rows = 200 } : new DataOptions())
        .Add(isQuick ? new EvalOptions { Problems = 32 } : new EvalOptions());

    /// <summary>The flags <c>--model</c>, <c>--task</c> and <c>--dtype</c>.</summary>
    protected void AddModelAndTask()
    {
        AddShortcut("--model", "model.path", "Folder of the model to start from");
        AddShortcut("--task", "task", "Built-in task, sums or stories, in place of files");
        AddDtype();
    }

    /// <summary>A job that is filled step by step; what it owns by then is given back if a step fails.</summary>
    protected static TrainingJob Build(string task, Action<TrainingJob> fill)
    {
        TrainingJob job = new() { Task = task };
        try
        {
            fill(job);
            return job;
        }
        catch
        {
            job.Dispose();
            throw;
        }
    }

    internal override TrainingJob PrepareJob(CommandContext context, Device device) => Prepare(context, context.Layers.Get<T>(), device);

    protected override async Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        string folder = context.ChooseFolder();
        T options = In(context.Layers.Get<T>(), folder, context.IsResumed, OptionsYaml.Write(context.Layers));
        using Device device = context.OpenDevice();
        using TrainingJob job = Prepare(context, options, device);
        TextWriter messages = context.Output.Messages;
        messages.WriteLine($"{Name} on {device}, run folder {folder}");

        Judged before = job.Judge?.Invoke() ?? default;
        TrainingResult result = await TrainingDisplay.RunAsync(context.Output, Name, options.LogEvery,
            progress => job.Train!(progress, cancellationToken)).ConfigureAwait(false);
        Judged after = job.Judge?.Invoke() ?? default;

        RunSummary summary = Summarize(job.Task, options, device, result, before, after);
        string json = summary.ToJson();
        AtomicFile.WriteText(Path.Combine(folder, "summary.json"), json);
        AtomicFile.WriteText(Path.Combine(folder, "report.html"), RunReport.Render(folder, result, summary.Methods[0], Unit));
        Tell(messages, result, before, after, Unit);
        messages.WriteLine($"model in {Path.Combine(folder, "model")}, report in {Path.Combine(folder, "report.html")}");
        context.Output.Summary(json.TrimEnd());
        if (!options.Watch.Strict || result.Warnings.Count == 0)
            return ExitCode.Success;
        await Console.Error.WriteLineAsync($"gimbal: --strict: the run was warned of {string.Join(", ", result.Warnings.Select(warning => warning.Kind))}.").ConfigureAwait(false);
        return ExitCode.Failure;
    }

    private RunSummary Summarize(string task, T options, Device device, TrainingResult result, Judged before, Judged after) => new()
    {
        Task = task,
        Seed = options.Seed,
        Device = device.Name,
        Methods =
        [
            new MethodSummary
            {
                Name = Name,
                Accuracy = before.Accuracy is { } was && after.Accuracy is { } became ? new BeforeAfter(was.Value, became.Value) : null,
                Reward = before.Reward is { } start && after.Reward is { } end ? new BeforeAfter(start, end) : null,
                Kl = after.Kl,
                Seconds = result.Seconds,
                TokensPerSecond = result.TokensPerSecond,
                PeakBytes = result.PeakBytes,
                MismatchBits = result.MismatchBits,
                ComparedTokens = result.ComparedTokens,
                Warnings = result.Warnings.Count > 0 ? result.Warnings : null,
            },
        ],
    };

    private static void Tell(TextWriter messages, TrainingResult result, Judged before, Judged after, string unit)
    {
        if (after.Accuracy is { } accuracy)
            messages.WriteLine($"accuracy {before.Accuracy} before, {accuracy} after, n {accuracy.Count}");
        if (after.Reward is { } reward)
            messages.WriteLine(FormattableString.Invariant($"reward {before.Reward:0.000} before, {reward:0.000} after")
                + (after.Kl is { } kl ? FormattableString.Invariant($", KL per sequence {kl:0.00}") : ""));
        messages.WriteLine(FormattableString.Invariant($"{result.Steps} steps in {result.Seconds:0.0} s, ") +
            $"{CompareTable.Whole((long)result.TokensPerSecond)} {unit}/s, peak {CompareTable.Bytes(result.PeakBytes)}" +
            (result.ComparedTokens == 0 ? "" : $", mismatch {result.MismatchBits} bits of {CompareTable.Whole(result.ComparedTokens)} {unit}"));
    }
}
