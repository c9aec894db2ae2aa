using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class ControlTrainerTests
{
    [Fact]
    public async Task CartPoleIsSolved()
    {
        ControlOptions options = ControlTasks.Options("CartPole-v1") with { TotalSteps = 60_000, Seed = 1 };
        using ControlTrainer trainer = new(options);
        TrainingResult result = await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        Evaluation score = trainer.Policy.Evaluate(() => ControlTasks.Create("CartPole-v1"), episodes: 50, seed: 3);
        Assert.True(score.Mean >= 400, $"{score}");
        Assert.Equal(0, result.MismatchBits);
        Assert.Equal(60_160, result.ComparedTokens);
    }

    [Fact]
    public async Task PendulumImproves()
    {
        ControlOptions options = ControlTasks.Options("Pendulum-v1") with { TotalSteps = 60_000, Seed = 1 };
        using ControlTrainer trainer = new(options);
        Evaluation before = trainer.Policy.Evaluate(() => new Pendulum(), episodes: 50, seed: 3);
        await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        Evaluation after = trainer.Policy.Evaluate(() => new Pendulum(), episodes: 50, seed: 3);
        Assert.True(before.Mean < -900 && after.Mean > -400, $"{before}, then {after}");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task PendulumImprovesWithOtherGaussians(bool stateDependentNoise, bool squashActions)
    {
        ControlOptions options = ControlTasks.Options("Pendulum-v1") with
        {
            TotalSteps = 60_000, Seed = 1, StateDependentNoise = stateDependentNoise, SquashActions = squashActions,
        };
        using ControlTrainer trainer = new(options);
        TrainingResult result = await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        Evaluation score = trainer.Policy.Evaluate(() => new Pendulum(), episodes: 50, seed: 3);
        Assert.True(score.Mean > -400, $"{score}");
        Assert.Equal(0, result.MismatchBits);
    }

    [Fact]
    public void WhatIsForContinuousActionsIsRefusedForChoices()
    {
        static string Refused(ControlOptions options) => Assert.Throws<InvalidConfigException>(() => new ControlTrainer(options)).Key;
        ControlOptions options = ControlTasks.Options("CartPole-v1");
        Assert.Equal("control.state_dependent_noise", Refused(options with { StateDependentNoise = true }));
        Assert.Equal("control.squash_actions", Refused(options with { SquashActions = true }));
    }

    [Fact]
    public async Task AnEnvironmentOfTheUsersOwnIsLearned()
    {
        using ControlTrainer control = new(worker => new Thermostat(), new ControlOptions { Environments = 8, TotalSteps = 50_000, StepsPerRollout = 256, Minibatches = 16 });
        Evaluation before = control.Policy.Evaluate(() => new Thermostat(), episodes: 20, seed: 1);
        List<TrainingProgress> progress = [];
        await control.TrainAsync(new Sink(progress.Add), TestContext.Current.CancellationToken);
        Evaluation score = control.Policy.Evaluate(() => new Thermostat(), episodes: 20, seed: 1);
        Assert.Equal(20, score.Episodes);
        Assert.Equal(50, score.MeanLength);
        Assert.True(score.Mean > 0.25 * before.Mean, $"{before}, then {score}");
        Assert.Equal(25, progress.Count);
    }

    /// <summary>
    /// Every episode has one step of reward 1 and the observation never changes. A time limit that ends it leaves the value
    /// 1 / (1 - gamma); the task's own end leaves 1.
    /// </summary>
    [Theory]
    [InlineData(true, true, 2.0)]
    [InlineData(true, false, 1.0)]
    [InlineData(false, true, 1.0)]
    public async Task TruncationIsBootstrappedAndTerminationIsNot(bool truncates, bool bootstraps, double value)
    {
        ControlOptions options = new()
        {
            Environments = 2,
            StepsPerRollout = 32,
            TotalSteps = 6400,
            Minibatches = 2,
            Gamma = 0.5f,
            NormalizeAdvantages = false,
            BootstrapTruncated = bootstraps,
            Optimizer = new OptimizerOptions { LearningRate = 1e-2f, Schedule = LearningRateSchedule.Linear },
        };
        using ControlTrainer trainer = new(_ => new OneStep(truncates), options);
        await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        float[] values = new float[1];
        trainer.Policy.Values([1], values);
        Assert.Equal(value, values[0], 0.02);
    }

    /// <summary>Ten rollouts equal five, a stop, and five more: weights, moments, environments in the middle of their episodes.</summary>
    [Theory]
    [InlineData("Pendulum-v1", false)]
    [InlineData("Pendulum-v1", true)]
    [InlineData("CartPole-v1", false)]
    public async Task AResumedRunContinuesBitForBit(string environment, bool stateDependentNoise)
    {
        using TemporaryFolder folder = new();
        ControlOptions options = ControlTasks.Options(environment) with
        {
            Environments = 3,
            StepsPerRollout = 48,
            TotalSteps = 3 * 48 * 10,
            Epochs = 2,
            Minibatches = 4,
            NormalizeObservations = true,
            NormalizeRewards = true,
            StateDependentNoise = stateDependentNoise,
            Anneal = true,
            Seed = 5,
        };
        List<double> expected = [], actual = [];
        float[] weights = await Train(options, new Sink(progress => expected.Add(progress.Metrics[MetricNames.Loss])), default);

        using CancellationTokenSource stop = new();
        ControlOptions kept = options with { Output = folder.File("run") };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Train(kept, new Sink(progress =>
        {
            actual.Add(progress.Metrics[MetricNames.Loss]);
            if (progress.Step == 5)
            {
                stop.Cancel();
            }
        }), stop.Token));
        float[] resumed = await Train(kept with { Resume = true }, new Sink(progress => actual.Add(progress.Metrics[MetricNames.Loss])), default);
        Assert.Equal(expected, actual);
        Assert.Equal(weights.Select(BitConverter.SingleToUInt32Bits), resumed.Select(BitConverter.SingleToUInt32Bits));

        using Device device = TestDevice.Open();
        using ControlPolicy saved = ControlPolicy.Load(Path.Combine(kept.Output, "model"), device);
        Assert.Equal(resumed, saved.Store.Weights.ToArray<float>());
    }

    [Fact]
    public async Task AStepAllocatesNoMoreTheLongerTheRun()
    {
        long[] bytes = new long[40];
        ControlOptions options = ControlTasks.Options("CartPole-v1") with { TotalSteps = 256 * bytes.Length, NormalizeObservations = true, NormalizeRewards = true };
        using ControlTrainer trainer = new(options);
        await trainer.TrainAsync(new Sink(progress => bytes[progress.Step - 1] = GC.GetAllocatedBytesForCurrentThread()), TestContext.Current.CancellationToken);

        // A rollout is 256 steps of environments and 20 optimizer steps.
        Assert.InRange(bytes[^1] - bytes[^21], 0, 20 * 512);
    }

    [Fact]
    public async Task PassesStopOnceThePolicyHasMovedTooFar()
    {
        ControlOptions options = ControlTasks.Options("CartPole-v1") with { TotalSteps = 256, Optimizer = new OptimizerOptions { LearningRate = 0.1f } };
        double free = await LastKl(options), held = await LastKl(options with { TargetKl = 1e-9f });
        Assert.True(held < free, $"{held} with, {free} without a target");

        // The second minibatch would be the first that the policy has moved for: left out, it leaves one step.
        ControlOptions four = options with { Minibatches = 4, StopWithinPass = true };
        Assert.Equal(0, await LastKl(four with { TargetKl = 1e-9f }), 1e-12);
        Assert.True(await LastKl(four with { TargetKl = 1e9f }) > 1e-3);
    }

    [Fact]
    public void AdvantagesThatAreAllEqualChangeNothing()
    {
        using Device device = TestDevice.Open();
        using ControlPolicy policy = new(device, new ControlPolicyConfig { ObservationSize = 2, Choices = 2 }, seed: 1);
        ControlRollout rollout = new(1, 8, 2, 1);
        Array.Fill(rollout.Advantages, 3.7f);
        Array.Fill(rollout.Logprobs, -0.7f);
        using ControlUpdate update = new(policy, rollout, new ControlOptions { ValueCoefficient = 0 }, 8, 1);
        float[] before = policy.Store.Weights.ToArray<float>();
        MinibatchLoss loss = (MinibatchLoss)update.Step([0, 1, 2, 3, 4, 5, 6, 7], null)!;
        Assert.Equal((0, 0), (loss.PolicyLoss, loss.GradientNorm));
        Assert.Equal(before, policy.Store.Weights.ToArray<float>());
    }

    [Fact]
    public void APolicyOfAnotherShapeIsRefused()
    {
        using Device device = TestDevice.Open();
        using ControlPolicy policy = new(device, new ControlPolicyConfig { ObservationSize = 4, Choices = 2 });
        Assert.Throws<GimbalException>(() => policy.Evaluate(() => new Pendulum(), 1, 0));
        Assert.Throws<GimbalException>(() => new ControlTrainer(_ => new Pendulum(), new ControlOptions(), policy: policy));
    }

    [Theory]
    [InlineData("Acrobot-v1")]
    [InlineData("CartPole-v1")]
    [InlineData("CartPoleContinuous-v1")]
    [InlineData("MountainCar-v0")]
    [InlineData("MountainCarContinuous-v0")]
    [InlineData("Pendulum-v1")]
    public void EveryTaskHasValidSettings(string name)
    {
        ControlOptions options = ControlTasks.Options(name);
        options.Validate();
        Assert.Equal(name, options.Environment);
    }

    private static async Task<double> LastKl(ControlOptions options)
    {
        using ControlTrainer trainer = new(options);
        TrainingResult result = await trainer.TrainAsync();
        return result.Metrics[MetricNames.ControlApproxKl];
    }

    private static async Task<float[]> Train(ControlOptions options, Sink sink, CancellationToken cancellationToken)
    {
        using ControlTrainer trainer = new(options);
        await trainer.TrainAsync(sink, cancellationToken);
        return trainer.Policy.Store.Weights.ToArray<float>();
    }

    private sealed class Sink(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    /// <summary>Keeps a room at 0 degrees of difference by heating or cooling; a time limit ends it.</summary>
    private sealed class Thermostat : IEnvironment
    {
        private float difference;
        private int steps;

        public Space Observations => Space.Box(1);

        public Space Actions => Space.Box(-1, 1, 1);

        public void Reset(ulong seed, Span<float> observation)
        {
            (difference, steps) = (seed % 1000 / 100f - 5, 0);
            observation[0] = difference;
        }

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            Assert.InRange(action[0], -1, 1);
            difference += action[0];
            observation[0] = difference;
            return new StepResult(-Math.Abs(difference), false, ++steps == 50);
        }
    }

    private sealed class OneStep(bool truncates) : IEnvironment
    {
        public Space Observations => Space.Box(1);

        public Space Actions => Space.Discrete(2);

        public void Reset(ulong seed, Span<float> observation) => observation[0] = 1;

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation) => new(1, !truncates, truncates);
    }
}
