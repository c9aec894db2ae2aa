using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Each trainer moves an untrained model to what it is rewarded for: completions full of sevens, then an end.</summary>
public sealed class TrainerLearningTests : IDisposable
{
    private static readonly IReward Sevens = Reward.Create(sample =>
        (sample.Completion.Count(c => c == '7') - sample.Completion.Count(c => c != '7') + (sample.Ended ? 1 : 0)) / 6f);

    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    [Fact]
    public async Task Grpo()
    {
        LanguageModel policy = subject.Model();
        using GrpoTrainer trainer = new(policy, subject.Prompts, Sevens, new GrpoOptions
        {
            MaxSteps = 60,
            PromptsPerStep = 4,
            GroupSize = 8,
            Optimizer = Fast,
            Sampling = TrainerSubject.Sampling,
        });
        await AssertRises(trainer.TrainAsync);
    }

    [Fact]
    public async Task Ppo()
    {
        LanguageModel policy = subject.Model();
        using PpoTrainer trainer = new(policy, ScoreModel.From(policy), subject.Prompts, Sevens, new PpoOptions
        {
            MaxSteps = 60,
            Rollouts = 32,
            Epochs = 2,
            ValueCoefficient = 1,
            ValueWarmupSteps = 5,
            Optimizer = Fast,
            Sampling = TrainerSubject.Sampling,
        });
        await AssertRises(trainer.TrainAsync);
    }

    [Fact]
    public async Task Dpo()
    {
        LanguageModel policy = subject.Model();
        PreferenceDataset pairs = new(Enumerable.Range(0, 100).Select(i => new PreferenceExample($"{i % 10}+{i * 7 % 10}=", "77777", $"{i * 7919 % 99991}")));
        using DpoTrainer trainer = new(policy, pairs, new DpoOptions { MaxSteps = 60, BatchSize = 16, Beta = 0.3f, Optimizer = Fast });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(1, result.Metrics[MetricNames.RewardsAccuracies]);
        IReadOnlyList<Completion> completions = policy.Generate([.. subject.Prompts.Select(prompt => prompt.Prompt)],
            new SamplingOptions { MaxNewTokens = 6, Seed = 3 }, TestContext.Current.CancellationToken);
        // An untrained model draws 7% of them; DPO only has to prefer them to the other side.
        double share = completions.Average(completion => completion.Text.Count(c => c == '7') / 6.0);
        Assert.True(share > 0.35, $"{share:P0} of the tokens are sevens");
    }

    private static OptimizerOptions Fast => new() { LearningRate = 1e-2f, Schedule = LearningRateSchedule.Linear };

    private static async Task AssertRises(Func<IProgress<TrainingProgress>?, CancellationToken, Task<TrainingResult>> train)
    {
        First first = new();
        TrainingResult result = await train(first, TestContext.Current.CancellationToken);
        Assert.Equal(0, result.MismatchBits);
        Assert.InRange(first.Reward, -0.9, 0);
        Assert.True(result.Metrics[MetricNames.Reward] > 0.7, $"the reward went from {first.Reward:F2} to {result.Metrics[MetricNames.Reward]:F2}");
    }

    private sealed class First : IProgress<TrainingProgress>
    {
        public double Reward { get; private set; } = double.NaN;

        public void Report(TrainingProgress value) => Reward = value.Step == 1 ? value.Metrics[MetricNames.Reward] : Reward;
    }
}
