using System.Diagnostics;
using System.Globalization;
using System.Text;
using Gimbal.Training;
using Spectre.Console;

namespace Gimbal.Cli.Terminal;

/// <summary>Shows the steps of one training run: a bar on a terminal, a line every so many steps elsewhere.</summary>
internal static class TrainingDisplay
{
    /// <summary>Metrics worth a place on the line, in order, with the name they are shown under.</summary>
    private static readonly (string Metric, string Label, string Format)[] Shown =
    [
        (MetricNames.Loss, "loss", "0.0000"),
        (MetricNames.Reward, "reward", "0.000"),
        (MetricNames.ObjectiveScores, "score", "0.000"),
        (MetricNames.EpisodicReturn, "return", "0.0"),
        (MetricNames.RewardsAccuracies, "accuracy", "0.000"),
        (MetricNames.Accuracy, "accuracy", "0.000"),
        (MetricNames.MeanTokenAccuracy, "accuracy", "0.000"),
        (MetricNames.Kl, "kl", "0.0000"),
        (MetricNames.ObjectiveKl, "kl", "0.000"),
        (MetricNames.MeanLength, "length", "0.0"),
    ];

    /// <summary>Runs one training run with a progress sink that shows its steps.</summary>
    /// <param name="output">Where to show them.</param>
    /// <param name="name">The algorithm.</param>
    /// <param name="logEvery">Steps between lines where there is no terminal.</param>
    /// <param name="work">The training run.</param>
    public static Task<T> RunAsync<T>(Output output, string name, int logEvery, Func<IProgress<TrainingProgress>, Task<T>> work) =>
        output.IsTerminal ? OnTerminalAsync(output, start => work(start(name))) : work(new Lines(output.Messages, name, logEvery));

    /// <summary>Runs several training runs; each asks for a sink by its name and its number of steps.</summary>
    /// <param name="output">Where to show them.</param>
    /// <param name="work">All the runs.</param>
    public static Task<T> RunManyAsync<T>(Output output, Func<Func<string, int, IProgress<TrainingProgress>>, Task<T>> work)
    {
        const int LinesPerRun = 8;
        return output.IsTerminal ? OnTerminalAsync(output, start => work((name, _) => start(name)))
            : work((name, steps) => new Lines(output.Messages, name, Math.Max(1, steps / LinesPerRun)));
    }

    private static async Task<T> OnTerminalAsync<T>(Output output, Func<Func<string, IProgress<TrainingProgress>>, Task<T>> work) =>
        await output.Styled.Progress().AutoClear(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 24 }, new PercentageColumn(),
                new ElapsedTimeColumn())
            .StartAsync(context => work(name => new Bar(context.AddTask(name, maxValue: 1), name))).ConfigureAwait(false);

    /// <summary>One line: step, what matters of the metrics.</summary>
    internal static string Describe(string name, in TrainingProgress progress)
    {
        StringBuilder line = new();
        line.Append(CultureInfo.InvariantCulture, $"{name,-8} step {progress.Step}/{progress.MaxSteps}");
        foreach ((string metric, string label, string format) in Shown)
        {
            double value = progress.Metrics[metric];
            if (!double.IsNaN(value))
                line.Append("  ").Append(label).Append(' ').Append(value.ToString(format, CultureInfo.InvariantCulture));
        }

        return line.ToString();
    }

    private sealed class Lines(TextWriter writer, string name, int logEvery) : IProgress<TrainingProgress>
    {
        private readonly Stopwatch elapsed = Stopwatch.StartNew();

        public void Report(TrainingProgress value)
        {
            if (value.Step % logEvery == 0 || value.Step == 1 || value.Step == value.MaxSteps)
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{Describe(name, value)}  {elapsed.Elapsed.TotalSeconds:0.0} s"));
        }
    }

    private sealed class Bar(ProgressTask task, string name) : IProgress<TrainingProgress>
    {
        private readonly Stopwatch sinceShown = Stopwatch.StartNew();

        public void Report(TrainingProgress value)
        {
            task.MaxValue = value.MaxSteps;
            task.Value = value.Step;
            if (sinceShown.ElapsedMilliseconds > 200 || value.Step == value.MaxSteps)
            {
                task.Description = Markup.Escape(Describe(name, value));
                sinceShown.Restart();
            }
        }
    }
}
