using System.Text.Json.Nodes;
using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>A run that was stopped, killed or diverged goes on from its last checkpoint as if nothing had been.</summary>
public sealed class TrainerResumeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TrainerSubject subject = new();

    public void Dispose()
    {
        subject.Dispose();
        folder.Dispose();
    }

    [Fact]
    public Task SftStopped() => StoppedRunEqualsWhole(Sft);

    [Fact]
    public Task GrpoStopped() => StoppedRunEqualsWhole(Grpo);

    [Fact]
    public Task DpoStopped() => StoppedRunEqualsWhole(Dpo);

    [Fact]
    public Task PpoStopped() => StoppedRunEqualsWhole(Ppo);

    [Fact]
    public Task GrpoWithDynamicSamplingStopped() => StoppedRunEqualsWhole((output, resume, progress, cancellationToken) =>
        Grpo(rounds: 3, output, resume, progress, cancellationToken));

    [Fact]
    public Task PpoOnASharedTrunkStopped() => StoppedRunEqualsWhole(SharedPpo);

    [Fact]
    public Task SftKilled() => KilledRunEqualsWhole(Sft);

    [Fact]
    public Task GrpoKilled() => KilledRunEqualsWhole(Grpo);

    [Fact]
    public async Task NanInTheWeightsStopsTheRunAndLeavesTheCheckpoint()
    {
        LanguageModel model = subject.Model();
        using (SftTrainer trainer = new(model, subject.Examples, SftOptions(folder.File("run"))))
        {
            TrainingDivergedException error = await Assert.ThrowsAsync<TrainingDivergedException>(() => trainer.TrainAsync(new OnStep(6, () =>
            {
                model.Weights.Norm.Value.CopyFrom<float>([.. Enumerable.Repeat(float.NaN, 24)]);
                model.Store.Touch();
            }), TestContext.Current.CancellationToken));
            Assert.Contains("7", error.Message, StringComparison.Ordinal);
            Assert.Contains("gradient", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(await Weights(Sft, folder.File("whole"), false), await Weights(Sft, folder.File("run"), true));
    }

    [Fact]
    public async Task ResultAndModelFolderAreOfTheTrainedModel()
    {
        LanguageModel model = subject.Model();
        using SftTrainer trainer = new(model, subject.Examples, SftOptions(folder.File("run")));
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        using LanguageModel saved = LanguageModel.Load(Path.Combine(result.Output!, "model"), subject.Device, trainable: false);
        Assert.Equal(model.Store.Weights.ToArray<float>(), saved.Store.Weights.ToArray<float>());
    }

    [Fact]
    public async Task ModelRewardOfASavedFolderIsThatOfTheModel()
    {
        ScoreModel model = subject.Scorer();
        using RewardTrainer trainer = new(model, subject.Pairs,
            new RewardOptions { MaxSteps = 3, BatchSize = 4, Optimizer = TrainerSubject.Adam, Output = folder.File("reward") });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        RewardMoments moments = trainer.Moments(subject.Pairs);
        IReward inMemory = Reward.FromModel(model, moments, clip: 0.5f);
        IReward loaded = Reward.FromOptions(new RewardFunctionOptions
        {
            Kind = RewardKind.Model,
            Model = folder.File("reward/model"),
            Standardize = true,
            Clip = 0.5f,
        }, subject.Device);
        using IDisposable held = (IDisposable)loaded;
        Sample[] samples = [.. subject.Pairs.Select(pair =>
            new Sample { Prompt = pair.Prompt, Completion = pair.Chosen, Ended = pair.Chosen.Length > 1 })];
        float?[] expected = new float?[samples.Length], actual = new float?[samples.Length];
        await inMemory.ScoreAsync(samples, expected, TestContext.Current.CancellationToken);
        await loaded.ScoreAsync(samples, actual, TestContext.Current.CancellationToken);
        Assert.Equal(expected, actual);
        Assert.True(expected.Distinct().Count() > 2);
        Assert.All(expected, score => Assert.InRange(score!.Value, -0.5f, 0.5f));
    }

    private delegate Task<TrainingResult> Run(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Makes a model and a trainer that writes to a folder, lets them run, and returns all weights.</summary>
    private delegate Task<float[]> Trainer(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken);

    private static SftOptions SftOptions(string output, bool resume = false) => new()
    {
        MaxSteps = 10,
        BatchSize = 4,
        NeftuneAlpha = 2,
        CheckpointEvery = 5,
        Output = output,
        Resume = resume,
        Optimizer = TrainerSubject.Adam with { Schedule = LearningRateSchedule.Cosine, WarmupSteps = 2, WeightDecay = 0.1f },
    };

    private async Task<float[]> Sft(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModel model = subject.Model();
        using SftTrainer trainer = new(model, subject.Examples, SftOptions(output, resume));
        await trainer.TrainAsync(progress, cancellationToken);
        return model.Store.Weights.ToArray<float>();
    }

    private async Task<float[]> Dpo(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModel model = subject.Model();
        using DpoTrainer trainer = new(model, subject.Pairs,
            new DpoOptions { MaxSteps = 10, BatchSize = 4, CheckpointEvery = 5, Output = output, Resume = resume, Optimizer = TrainerSubject.Adam });
        await trainer.TrainAsync(progress, cancellationToken);
        return model.Store.Weights.ToArray<float>();
    }

    private Task<float[]> Grpo(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken) =>
        Grpo(rounds: 1, output, resume, progress, cancellationToken);

    private async Task<float[]> Grpo(int rounds, string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModel model = subject.Model();
        IReward oftenEqual = Reward.Create(sample => sample.Completion.Contains('1') ? 1 : 0);
        using GrpoTrainer trainer = new(model, subject.Prompts, rounds == 1 ? subject.Reward : oftenEqual, new GrpoOptions
        {
            MaxSteps = 10,
            PromptsPerStep = 2,
            GroupSize = 4,
            SamplingRounds = rounds,
            InnerEpochs = 2,
            Minibatches = 2,
            CheckpointEvery = 5,
            Output = output,
            Resume = resume,
            Optimizer = TrainerSubject.Adam,
            Sampling = TrainerSubject.Sampling,
        });
        await trainer.TrainAsync(progress, cancellationToken);
        return model.Store.Weights.ToArray<float>();
    }

    private async Task<float[]> Ppo(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModel model = subject.Model();
        ScoreModel value = subject.Scorer();
        using PpoTrainer trainer = new(model, value, subject.Prompts, subject.Reward, TrainerInvarianceTests.PpoOptions(0) with
        {
            MaxSteps = 10,
            Epochs = 2,
            Minibatches = 2,
            ValueWarmupSteps = 2,
            CheckpointEvery = 5,
            Output = output,
            Resume = resume,
        });
        await trainer.TrainAsync(progress, cancellationToken);
        return [.. model.Store.Weights.ToArray<float>(), .. value.Store.Weights.ToArray<float>()];
    }

    private async Task<float[]> SharedPpo(string output, bool resume, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModel model = subject.SharedTrunk();
        using PpoTrainer trainer = new(model, null, subject.Prompts, subject.Reward, TrainerInvarianceTests.PpoOptions(0) with
        {
            MaxSteps = 10,
            Epochs = 2,
            Minibatches = 2,
            SharedTrunk = true,
            KlTarget = 0.1f,
            CheckpointEvery = 5,
            Output = output,
            Resume = resume,
        });
        await trainer.TrainAsync(progress, cancellationToken);
        return model.Store.Weights.ToArray<float>();
    }

    private async Task StoppedRunEqualsWhole(Trainer trainer)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => trainer(folder.File("run"), false, new OnStep(5, stop.Cancel), stop.Token));
        Assert.True(Directory.Exists(folder.File("run/checkpoints/step-5")));
        await AssertSameAsWhole(trainer);
    }

    private async Task KilledRunEqualsWhole(Trainer trainer)
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => trainer(folder.File("run"), false,
            new OnStep(7, () => throw new InvalidOperationException("killed")), TestContext.Current.CancellationToken));
        await AssertSameAsWhole(trainer);
    }

    private async Task AssertSameAsWhole(Trainer trainer)
    {
        float[] whole = await Weights(trainer, folder.File("whole"), resume: false);
        Assert.Equal(whole, await Weights(trainer, folder.File("run"), resume: true));
        Assert.Equal(MetricLines("whole"), MetricLines("run"));
    }

    private static Task<float[]> Weights(Trainer trainer, string output, bool resume) =>
        trainer(output, resume, null, TestContext.Current.CancellationToken);

    private string[] MetricLines(string run) =>
    [
        .. File.ReadLines(folder.File(run + "/metrics.jsonl")).Select(line =>
        {
            JsonObject row = JsonNode.Parse(line)!.AsObject();
            Assert.True(row.Remove(MetricNames.StepTime));
            // A name stands where it was first set, which a resumed run may do in another order.
            return string.Join(' ', row.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}"));
        }),
    ];

    /// <summary>Does something after a step, on the thread that trains.</summary>
    private sealed class OnStep(int step, Action action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step)
            {
                action();
            }
        }
    }
}

/// <summary>Threads leave every bit of a training run alone.</summary>
[Collection(ThreadsCollection.Name)]
public sealed class TrainerThreadTests
{
    [Fact]
    public async Task ThreadsLeaveEveryBitAlone()
    {
        float[] one = await Train(1);
        Assert.Equal(one, await Train(2));
        Assert.Equal(one, await Train(5));
    }

    private static async Task<float[]> Train(int threads)
    {
        using TrainerSubject subject = new(threads);
        LanguageModel policy = subject.Model();
        ScoreModel value = subject.Scorer();
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using (SftTrainer sft = new(policy, subject.Examples, new SftOptions { MaxSteps = 3, BatchSize = 16, Optimizer = TrainerSubject.Adam }))
        {
            await sft.TrainAsync(cancellationToken: cancellation);
        }

        using (DpoTrainer dpo = new(policy, subject.Pairs, new DpoOptions { MaxSteps = 2, BatchSize = 12, Optimizer = TrainerSubject.Adam }))
        {
            await dpo.TrainAsync(cancellationToken: cancellation);
        }

        PpoOptions options = TrainerInvarianceTests.PpoOptions(0) with { MaxSteps = 2, Rollouts = 32, Epochs = 2 };
        using (PpoTrainer ppo = new(policy, value, subject.Prompts, subject.Reward, options))
        {
            await ppo.TrainAsync(cancellationToken: cancellation);
        }

        return [.. policy.Store.Weights.ToArray<float>(), .. value.Store.Weights.ToArray<float>()];
    }
}
