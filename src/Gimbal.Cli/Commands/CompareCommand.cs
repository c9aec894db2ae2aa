using Gimbal.Cli.Compare;
using Gimbal.Cli.Report;
using Gimbal.Cli.Terminal;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal compare</c>: one start, every method, one judge; a table, <c>summary.json</c> and <c>report.html</c>.</summary>
internal sealed class CompareCommand : ConfiguredCommand
{
    public CompareCommand() : base("compare", "Trains one model by SFT, PPO, DPO and GRPO and compares them.")
    {
        AddShortcut("--model", "model.path", "Folder of the model (stories)");
        AddShortcut("--task", "compare.task", "sums or stories");
        AddDtype();
    }

    public override OptionLayers CreateLayers(bool isQuick) => ComparePlan.For(CompareTaskKind.Sums, isQuick).ToLayers();

    protected override OptionLayers? CreateLayers(OptionLayers asked, bool isQuick) =>
        asked.Get<CompareOptions>().Task is CompareTaskKind.Sums ? null : ComparePlan.For(asked.Get<CompareOptions>().Task, isQuick).ToLayers();

    protected override async Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        ComparePlan plan = ComparePlan.From(context.Layers);
        string path = context.ChooseFolder();
        ulong seed = plan.Compare.Seed;
        using Device device = context.OpenDevice();
        string configuration = OptionsYaml.Write(context.Layers);
        using RunFolder run = context.IsResumed ? RunFolder.Resume(path) : RunFolder.Create(Name, seed, device.Name, path, configuration);
        context.Output.Messages.WriteLine($"compare on {device}, run folder {path}");

        CompareResult result = await TrainingDisplay.RunManyAsync(context.Output, watch =>
            RunAsync(context, plan, run, device, watch, cancellationToken)).ConfigureAwait(false);

        WriteLines(run, result);
        string json = result.ToSummary().ToJson();
        run.WriteText("summary.json", json);
        run.WriteText("report.html", CompareReport.Render(result, configuration, DateTimeOffset.UtcNow));
        CompareTable.Write(context.Output.Styled, result);
        context.Output.Messages.WriteLine($"report in {run.File("report.html")}, trained models in {run.File("METHOD")}/model");
        context.Output.Summary(json.TrimEnd());
        return ExitCode.Success;
    }

    /// <summary>The curves as <c>metrics.jsonl</c>, one line a point, and the answers side by side as <c>samples.jsonl</c>.</summary>
    private static void WriteLines(RunFolder run, CompareResult result)
    {
        MetricRow row = new();
        for (int point = 0; point < result.Methods.Max(method => method.Curve.Count); point++)
        {
            row.Clear();
            foreach (MethodResult method in result.Methods.Where(method => point < method.Curve.Count))
            {
                CurvePoint measured = method.Curve[point];
                (row[$"{method.Name}/share"], row[$"{method.Name}/reward"], row[$"{method.Name}/kl"], row[$"{method.Name}/entropy"], row[$"{method.Name}/length"]) =
                    (measured.Share, measured.Reward, measured.Kl, measured.Entropy, measured.Length);
            }

            run.Metrics.Write(point + 1, row);
        }

        foreach (SideBySide answers in result.Answers)
        {
            foreach (Answer answer in answers.Answers)
                run.WriteSample(new SampleRecord(1, answers.Prompt, answer.Text, answer.Reward ?? (answer.IsRight is { } right ? right ? 1 : 0 : null), Method: answer.Method));
        }
    }

    private static async Task<CompareResult> RunAsync(CommandContext context, ComparePlan plan, RunFolder run, Device device,
        Func<string, int, IProgress<TrainingProgress>> watch, CancellationToken cancellationToken)
    {
        StageStore stages = new(run);
        using CompareSubject subject = plan.Compare.Task == CompareTaskKind.Stories
            ? CompareSubject.Stories(plan, StoryModel(context), device, plan.Compare.Seed)
            : await CompareSubject.SumsAsync(plan, stages, device, plan.Compare.Seed, context.Output.Loggers, watch, cancellationToken).ConfigureAwait(false);
        using Comparison comparison = new(subject, plan, stages, plan.Compare.Seed, context.Output.Loggers, watch);
        return await comparison.RunAsync(device.Name, cancellationToken).ConfigureAwait(false);
    }

    private static string StoryModel(CommandContext context) => context.Layers.Get<ModelOptions>().Path
        ?? throw new InvalidConfigException("model.path", "is needed by the stories task; give the model's folder with --model.");
}
