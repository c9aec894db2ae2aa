using Gimbal.Models;
using Gimbal.Training;
using Microsoft.Extensions.Logging;

namespace Gimbal.Tests.Training;

/// <summary>What a run is warned of, and when.</summary>
public sealed class TrainingWatchTests : IDisposable
{
    private static readonly WatchOptions Short = new() { Window = 3 };

    private readonly TrainerSubject subject = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        subject.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("kl", "kl", 0.9, 0.9, 1.1, 1.2, 4)]                             // means 0.97, 1.07 over three steps
    [InlineData("entropy_share", "entropy", 1, 0.05, 0.05, 0.05, 4)]
    [InlineData("length_ratio", "completions/mean_length", 10, 40, 40, 10, 0)]  // a mean of 30 is not beyond 30
    [InlineData("length_ratio", "completions/mean_length", 10, 40, 41, 10, 3)]
    [InlineData("length_ratio", "completions/mean_length", 10, 2, 2, 2, 4)]
    [InlineData("equal_groups", "frac_reward_zero_std", 0.5, 1, 1, 1, 4)]
    [InlineData("clip_fraction", "clip_ratio/region_mean", 0, 0.5, 0.5, 0.5, 3)]
    [InlineData("clip_fraction", "policy/clipfrac_avg", 0, 0.3, 0.3, 0.3, 0)]
    [InlineData("gradient_spike", "grad_norm", 1, 2, 1, 10.5, 4)]               // the median is 1
    [InlineData("gradient_spike", "grad_norm", 1, 2, 2, 10.5, 0)]               // the median is 2
    public void A_threshold_is_crossed_at_its_step(string kind, string metric, double a, double b, double c, double d, int crossed)
    {
        TrainingWatch watch = new(Short);
        List<TrainingWarning> told = [];
        double[] values = [a, b, c, d, d];
        for (int i = 0; i < values.Length; i++)
        {
            MetricRow row = new() { [MetricNames.MeanLength] = 10 };
            row[metric] = values[i];
            watch.Observe(i + 1, row, told.Add);
        }

        Assert.Equal(watch.Warnings, told);
        if (crossed == 0)
        {
            Assert.Empty(told);
            return;
        }

        TrainingWarning warning = Assert.Single(told);
        Assert.Equal((kind, (long)crossed), (warning.Kind, warning.Step));
        Assert.NotEmpty(warning.Remedy);
    }

    [Fact]
    public void A_watch_at_zero_is_off_and_supervised_training_may_lose_entropy()
    {
        TrainingWatch off = new(new WatchOptions { Window = 1, Kl = 0, EntropyShare = 0, LengthRatio = 0, EqualGroups = 0, ClipFraction = 0, GradientSpike = 0 });
        TrainingWatch supervised = new(Short);
        for (int step = 1; step < 9; step++)
        {
            MetricRow row = new() { [MetricNames.Entropy] = Math.Pow(10, -step) };
            supervised.Observe(step, row);
            foreach (string metric in (string[])[MetricNames.Kl, MetricNames.MeanLength, MetricNames.FracRewardZeroStd, MetricNames.ClipRatioRegion, MetricNames.GradNorm])
                row[metric] = Math.Pow(10, step);
            off.Observe(step, row);
        }

        Assert.Empty(off.Warnings);
        Assert.Empty(supervised.Warnings);
    }

    [Fact]
    public async Task A_run_is_warned_once_a_kind_and_a_resumed_one_lists_the_same_without_telling_again()
    {
        GrpoOptions options = new()
        {
            PromptsPerStep = 2, GroupSize = 2, MaxSteps = 6, Sampling = TrainerSubject.Sampling, Output = folder.File("run"), Optimizer = TrainerSubject.Adam,
            Watch = new WatchOptions { Window = 1, EqualGroups = 0.5f },
        };
        IReward same = Reward.Create(_ => 1f);
        (TrainingResult whole, string[] told) = await Run(options, same);
        TrainingWarning warning = Assert.Single(whole.Warnings);
        Assert.Equal(("equal_groups", 1L, 1.0, 0.5), (warning.Kind, warning.Step, warning.Value, warning.Threshold));
        Assert.Contains("grpo.group_size", Assert.Single(told), StringComparison.Ordinal);

        (TrainingResult resumed, string[] again) = await Run(options with { MaxSteps = 8, Resume = true }, same);
        Assert.Equal(whole.Warnings, resumed.Warnings);
        Assert.Empty(again);
    }

    [Fact]
    public async Task Weights_that_are_no_numbers_never_become_a_checkpoint_and_the_message_names_the_last_good_one()
    {
        LanguageModel model = subject.Model();
        using SftTrainer trainer = new(model, subject.Examples, new SftOptions
        {
            MaxSteps = 5, BatchSize = 4, CheckpointEvery = 2, Output = folder.File("run"), Optimizer = TrainerSubject.Adam,
        });
        TrainingDivergedException error = await Assert.ThrowsAsync<TrainingDivergedException>(() => trainer.TrainAsync(new OnStep(4, () =>
        {
            model.Weights.Norm.Value.CopyFrom<float>([.. Enumerable.Repeat(float.PositiveInfinity, 24)]);
            model.Store.Touch();
        }), TestContext.Current.CancellationToken));
        Assert.Equal(4, error.Step);
        Assert.Contains("norm.weight", error.Tensor, StringComparison.Ordinal);
        Assert.Contains("step-2", error.Message, StringComparison.Ordinal);
        Assert.Equal(["step-2"], Directory.GetDirectories(folder.File("run/checkpoints")).Select(Path.GetFileName));
    }

    private async Task<(TrainingResult Result, string[] Told)> Run(GrpoOptions options, IReward reward)
    {
        using TellTale log = new();
        using GrpoTrainer trainer = new(subject.Model(), subject.Prompts, reward, options, log);
        return (await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken), [.. log.Warnings]);
    }

    private sealed class OnStep(int step, Action action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step)
                action();
        }
    }
}

/// <summary>Keeps the warnings that are logged.</summary>
internal sealed class TellTale : ILoggerFactory, ILogger
{
    public List<string> Warnings { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            Warnings.Add(formatter(state, exception));
    }

    public void Dispose() { }
}
