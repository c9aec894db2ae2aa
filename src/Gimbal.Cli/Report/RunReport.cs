using System.Globalization;
using System.Text;
using System.Text.Json;
using Gimbal.Cli.Compare;
using Gimbal.Training;

namespace Gimbal.Cli.Report;

/// <summary><c>report.html</c> of one training run: figures, curves, samples, configuration.</summary>
internal static class RunReport
{
    private const int SamplesShown = 24;

    /// <summary>The charts: title, explanation, metrics drawn together with their labels. One without any metric is left out.</summary>
    private static readonly (string Title, string Explanation, (string Metric, string Label)[] Lines)[] Charts =
    [
        ("Loss", "Of the optimizer step, divided by its normaliser.",
            [(MetricNames.Loss, "loss"), (MetricNames.LossPolicy, "policy"), (MetricNames.LossValue, "value")]),
        ("Reward", "Mean over the step.",
            [(MetricNames.Reward, "reward"), (MetricNames.ObjectiveScores, "score"), (MetricNames.MeanReward, "reward"),
             (MetricNames.RewardsChosen, "chosen"), (MetricNames.RewardsRejected, "rejected")]),
        ("Return", "Mean of the episodes that ended.", [(MetricNames.EpisodicReturn, "return")]),
        ("Accuracy", "Share of pairs or tokens that the model gets right.",
            [(MetricNames.EvalAccuracy, "held out"), (MetricNames.Accuracy, "pairs"), (MetricNames.RewardsAccuracies, "pairs"),
             (MetricNames.MeanTokenAccuracy, "tokens")]),
        ("KL to the reference", "In nats; per completion where it says so, else per token.",
            [(MetricNames.Kl, "per token"), (MetricNames.KlPerSequence, "completion"), (MetricNames.ObjectiveKl, "completion")]),
        ("Entropy", "Of the next token, mean, in nats.", [(MetricNames.Entropy, "entropy"), (MetricNames.PolicyEntropy, "entropy")]),
        ("Length", "Mean tokens per completion or steps per episode.",
            [(MetricNames.MeanLength, "mean"), (MetricNames.EpisodicLength, "episode")]),
        ("Clipped", "Share of tokens that the clip stops.",
            [(MetricNames.ClipRatioLow, "low"), (MetricNames.ClipRatioHigh, "high"), (MetricNames.PolicyClipFraction, "policy"),
             (MetricNames.ValueClipFraction, "value")]),
        ("Groups of equal rewards", "Share of groups that teach nothing.", [(MetricNames.FracRewardZeroStd, "share")]),
        ("Gradient norm", "Before clipping.", [(MetricNames.GradNorm, "norm")]),
        ("Learning rate", "", [(MetricNames.LearningRate, "rate")]),
    ];

    /// <summary>The page of a run folder whose <c>metrics.jsonl</c> and <c>samples.jsonl</c> are complete.</summary>
    /// <param name="path">The run folder.</param>
    /// <param name="result">What the trainer returned.</param>
    /// <param name="summary">What was judged.</param>
    /// <param name="unit">What the trainer's rate counts.</param>
    public static string Render(string path, TrainingResult result, MethodSummary summary, string unit = "tokens")
    {
        RunMetrics metrics = RunMetrics.Read(Path.Combine(path, "metrics.jsonl"));
        StringBuilder body = new();
        body.Append(Html.Section("Result", "", Tiles(result, summary, unit)));
        body.Append(Html.Section("Along the way", "Bold: moving average. Faint: every step.", Curves(metrics)));
        string samples = Samples(Path.Combine(path, "samples.jsonl"));
        if (samples.Length > 0)
            body.Append(Html.Section("Samples", "The last completions written down, newest first.", samples));
        body.Append(Html.Section("Configuration", "", Html.Folded("run.yaml, as resolved", File.ReadAllText(Path.Combine(path, "run.yaml")))));
        RunHeader header = RunFolder.ReadHeader(path);
        return Html.Page($"gimbal {header.Command}", string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileName(path)}, seed {header.Seed}, {header.Device}, version {header.Version}, started {header.Started:d MMMM yyyy HH:mm} UTC"), body.ToString());
    }

    private static string Tiles(TrainingResult result, MethodSummary summary, string unit)
    {
        StringBuilder html = new("<div class=\"tiles\">");
        if (summary.Accuracy is { } accuracy)
            Tile(html, FormattableString.Invariant($"{100 * accuracy.After:0.0}%"), FormattableString.Invariant($"accuracy, before {100 * accuracy.Before:0.0}%"));
        if (summary.Reward is { } reward)
            Tile(html, FormattableString.Invariant($"{reward.After:0.000}"), FormattableString.Invariant($"reward, before {reward.Before:0.000}"));
        if (summary.Kl is { } kl)
            Tile(html, FormattableString.Invariant($"{kl:0.00}"), "KL per completion to the start");
        Tile(html, CompareTable.Whole(result.Steps), "steps");
        Tile(html, FormattableString.Invariant($"{result.Seconds:0.0} s"), "in this process");
        if (result.TokensPerSecond > 0)
            Tile(html, CompareTable.Whole((long)result.TokensPerSecond), $"{unit} per second");
        if (result.TrainedTokens > 0)
            Tile(html, CompareTable.Whole(result.TrainedTokens), $"{unit} trained");
        if (result.Samples > 0)
            Tile(html, CompareTable.Whole(result.Samples), "samples drawn");
        if (result.PeakBytes > 0)
            Tile(html, CompareTable.Bytes(result.PeakBytes), "peak of the arenas");
        if (result.ComparedTokens > 0)
            Tile(html, $"{CompareTable.Whole(result.MismatchBits)} bits", $"mismatch over {CompareTable.Whole(result.ComparedTokens)} sampled {unit}");
        return html.Append("</div>").ToString();
    }

    private static void Tile(StringBuilder html, string value, string label) =>
        html.Append(CultureInfo.InvariantCulture, $"<div class=\"tile\"><b>{Html.Escape(value)}</b><span>{Html.Escape(label)}</span></div>");

    private static string Curves(RunMetrics metrics)
    {
        StringBuilder html = new("<div class=\"charts\">");
        int width = Math.Max(3, metrics.Steps.Count / 20);
        foreach ((string title, string explanation, (string Metric, string Label)[] wanted) in Charts)
        {
            Series[] raw = [.. wanted.Select((line, index) => metrics.Find(line.Metric) is { } values
                ? new Series(line.Label, $"c{index % 5}", metrics.Steps, values) : null).OfType<Series>()];
            if (raw.Length > 0)
                html.Append(LineChart.Render(title, explanation, "step", [.. raw.Select(series => series.Smooth(width))], raw));
        }

        return html.Append("</div>").ToString();
    }

    private static string Samples(string path)
    {
        if (!File.Exists(path))
            return "";
        SampleRecord[] samples = [.. File.ReadLines(path).Where(line => line.Length > 0)
            .Select(line => JsonSerializer.Deserialize(line, RunJson.Default.SampleRecord)!).TakeLast(SamplesShown).Reverse()];
        if (samples.Length == 0)
            return "";
        StringBuilder html = new("<div class=\"scroll\"><table><thead><tr><th>step</th><th class=\"text\">prompt</th><th class=\"text\">completion</th><th>reward</th><th>advantage</th></tr></thead><tbody>\n");
        foreach (SampleRecord sample in samples)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{sample.Step}</td><td class=\"prompt\">{Html.Escape(sample.Prompt)}</td><td class=\"answer\">{Html.Escape(sample.Completion)}</td>");
            html.Append(CultureInfo.InvariantCulture, $"<td>{sample.Reward?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-"}</td><td>{sample.Advantage?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-"}</td></tr>\n");
        }

        return html.Append("</tbody></table></div>").ToString();
    }
}
