using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>Rewards that throw, hang or give no number.</summary>
public sealed class RewardCallsTests : IDisposable
{
    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    [Fact]
    public void A_reward_that_throws_loses_only_the_samples_it_throws_for()
    {
        using TellTale log = new();
        RewardCalls calls = new("grpo", log);
        IReward reward = Reward.Create(s => s.Completion switch { "bad" => throw new FormatException("no answer"), "nan" => float.NaN, _ => 2f }, "judge");
        Assert.Equal([2f, null, null, 2f], calls.Ask(reward, Samples("a", "bad", "nan", "b"), default));
        Assert.Equal(2, calls.Failures);
        string told = Assert.Single(log.Warnings);
        Assert.Contains("'judge' gave no score for 2 of 4 samples, first for the prompt \"bad?\"", told, StringComparison.Ordinal);
        Assert.Contains("no answer", told, StringComparison.Ordinal);
        calls.Clear();
        Assert.Equal(0, calls.Failures);
    }

    [Fact]
    public void One_that_throws_for_everything_is_a_mistake_at_first_and_a_failure_later()
    {
        RewardCalls calls = new();
        IReward reward = Reward.Exact("answer");
        Assert.Contains("no column 'answer'", Assert.Throws<GimbalException>(() => calls.Ask(reward, Samples("a", "b"), default)).Message, StringComparison.Ordinal);

        calls.Ask(Reward.Create(_ => 1f), Samples("a"), default);
        Assert.Equal([null, null], calls.Ask(reward, Samples("a", "b"), default));
        Assert.Equal(2, calls.Failures);
    }

    [Fact]
    public async Task A_time_limit_ends_the_wait_and_what_is_written_late_is_not_seen()
    {
        using ManualResetEventSlim gate = new();
        IReward reward = Reward.WithTimeLimit(new Hanging(gate), TimeSpan.FromMilliseconds(400));
        RewardCalls calls = new();
        Assert.Equal([1f, 1f], calls.Ask(reward, Samples("a", "b"), default));
        float?[] scores = calls.Ask(reward, Samples("a", "hang"), default);
        Assert.Equal([null, null], scores);
        Assert.Equal(2, calls.Failures);
        gate.Set();
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal([null, null], scores);

        WeightedReward sum = Assert.IsType<WeightedReward>(Reward.WithTimeLimit(Reward.Sum((2f, Reward.Create(_ => 1f))), TimeSpan.FromSeconds(30)));
        Assert.Equal([2f], new RewardCalls().Ask(sum, Samples("a"), default));
    }

    [Fact]
    public async Task Options_carry_the_limit()
    {
        IReward reward = Reward.FromOptions(new RewardFunctionOptions { Kind = RewardKind.Regex, Pattern = "a", TimeoutSeconds = 30 });
        Assert.IsType<TimeLimitedReward>(reward);
        float?[] scores = new float?[1];
        await reward.ScoreAsync(Samples("a"), scores, TestContext.Current.CancellationToken);
        Assert.Equal([1f], scores);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_goes_on_without_the_samples_and_counts_them(bool isGrpo)
    {
        IReward reward = Reward.Create(s => s.Prompt.StartsWith('3') ? throw new InvalidOperationException("judge is down") : s.CompletionIds.Length, "judge");
        List<double> failures = [];
        Kept kept = new(failures);
        CancellationToken token = TestContext.Current.CancellationToken;
        if (isGrpo)
        {
            using GrpoTrainer trainer = new(subject.Model(), subject.Prompts, reward,
                new GrpoOptions { PromptsPerStep = 5, GroupSize = 2, MaxSteps = 2, Sampling = TrainerSubject.Sampling, Optimizer = TrainerSubject.Adam });
            await trainer.TrainAsync(kept, token);
        }
        else
        {
            using PpoTrainer trainer = new(subject.Model(), subject.Scorer(), subject.Prompts, reward,
                new PpoOptions { Rollouts = 10, MaxSteps = 1, Sampling = TrainerSubject.Sampling, Optimizer = TrainerSubject.Adam });
            await trainer.TrainAsync(kept, token);
        }

        Assert.Equal(isGrpo ? 2 : 1, failures.Sum()); // ten prompts are an epoch, one of them starts with 3
    }

    private static Sample[] Samples(params string[] completions) => [.. completions.Select(text => new Sample { Prompt = text + "?", Completion = text })];

    private sealed class Kept(List<double> failures) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            Assert.True(double.IsFinite(value.Metrics[MetricNames.Loss]));
            failures.Add(value.Metrics[MetricNames.RewardFailures]);
        }
    }

    private sealed class Hanging(ManualResetEventSlim gate) : IReward
    {
        public string Name => "hanging";

        public ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
        {
            if (samples.Any(sample => sample.Completion == "hang"))
                gate.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
            scores.Span.Fill(1f);
            return ValueTask.CompletedTask;
        }
    }
}
