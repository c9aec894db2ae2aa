using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Policy and value function of PPO as two heads on one trunk.</summary>
public sealed class SharedTrunkTests : IDisposable
{
    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    // The value model of its own starts with the same trunk and head; its gradient is scaled by the same coefficient.
    [Fact]
    public async Task TheGradientIsThatOfThePolicyAndThatOfAValueModel()
    {
        PpoOptions options = Options(0) with { SharedTrunk = false };
        LanguageModel policy = subject.Model();
        ScoreModel value = subject.Scorer(seed: 1);
        using PpoTrainer apart = new(policy, value, subject.Prompts, subject.Reward, options);
        await apart.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        LanguageModel shared = await Train(0);
        foreach (Parameter parameter in shared.Store.Parameters)
        {
            float[] actual = Gradient(shared, parameter.Name)!;
            float[] ofPolicy = Gradient(policy, parameter.Name) ?? new float[actual.Length];
            float[] ofValue = Gradient(value, parameter.Name) ?? new float[actual.Length];
            float[] sum = [.. ofPolicy.Zip(ofValue, (a, b) => a + b)];
            double norm = Norm(sum), error = Norm([.. sum.Zip(actual, (a, b) => a - b)]);
            Assert.True(norm > 0, parameter.Name);
            // Measured: at most 3.3e-7.
            Assert.True(error <= 1e-6 * norm, $"{parameter.Name}: {error / norm:E2} of the norm");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public Task TheGradientIsThatOfTheWholeStep(int microBatch) =>
        TrainerInvarianceTests.SameGradient(microBatch, async micro => [(await Train(micro)).Store]);

    [Fact]
    public void TheSamplersValuesHaveTheBitsOfTheTrainingPass()
    {
        LanguageModel policy = Policy();
        Rollout rollout = Rollout.Draw(policy, [.. subject.Prompts], 2, TrainerSubject.Sampling, seed: 5, step: 0, CancellationToken.None);
        rollout.Score(subject.Reward, CancellationToken.None);
        RolloutValues states = new(rollout, ScorePosition.Last, TrainerSubject.Sampling.MaxNewTokens);
        TokenBatch batch = new();
        using Arena arena = new(subject.Device, 1 << 24);
        Tape tape = new(arena) { Recording = true };
        states.Fill(batch, [.. Enumerable.Range(0, rollout.Sequences.Count)]);
        batch.Upload(arena);
        Tensor values = Ops.Linear(tape, Ops.GatherRows(tape, policy.Forward(tape, batch), batch.Rows), policy.ValueHead!);
        Assert.Equal(values.ToArray<float>(), states.Old);
        Assert.True(states.Old.Distinct().Count() > 20);
    }

    [Fact]
    public void ASavedFolderIsALanguageModelAndAValueModel()
    {
        using TemporaryFolder folder = new();
        LanguageModel policy = Policy();
        policy.Save(folder.Path);
        using LanguageModel language = LanguageModel.Load(folder.Path, subject.Device);
        using ScoreModel value = ScoreModel.Load(folder.Path, subject.Device);
        Assert.Null(language.ValueHead);
        Assert.Equal(policy.ValueHead!.Read(), value.Head.Read());
        Assert.Equal(policy.Head.Read(), language.Head.Read());
    }

    [Fact]
    public void AValueFunctionInTheWrongPlaceIsRefused()
    {
        LanguageModel plain = subject.Model();
        LanguageModel policy = Policy();
        Assert.Contains("WithValueHead", Refused(plain, null, Options(0)), StringComparison.Ordinal);
        Assert.Contains("WithValueHead", Refused(policy, subject.Scorer(), Options(0)), StringComparison.Ordinal);
        Assert.Contains("ppo.shared_trunk", Refused(plain, null, Options(0) with { SharedTrunk = false }), StringComparison.Ordinal);
        Assert.Throws<InvalidConfigException>(() => (Options(0) with { ScorePosition = ScorePosition.AfterLast }).Validate());
        Assert.Throws<InvalidConfigException>(() => (Options(0) with { ValueWarmupSteps = 1 }).Validate());

        string Refused(LanguageModel model, ScoreModel? value, PpoOptions options) =>
            Assert.Throws<ArgumentException>(() => new PpoTrainer(model, value, subject.Prompts, subject.Reward, options)).Message;
    }

    private static PpoOptions Options(int microBatch) =>
        TrainerInvarianceTests.PpoOptions(microBatch) with { SharedTrunk = true, ValueCoefficient = 0.5f, EntropyCoefficient = 0.01f };

    private static float[]? Gradient(TransformerModel model, string name) =>
        model.Store.Find(name) is { } parameter ? TrainerRun.MomentOf(model.Store, parameter) : null;

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    private async Task<LanguageModel> Train(int microBatch)
    {
        LanguageModel policy = Policy();
        using PpoTrainer trainer = new(policy, null, subject.Prompts, subject.Reward, Options(microBatch));
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal((0, 0), (result.MismatchBits, result.Metrics[MetricNames.ValueClipFraction]));
        Assert.True(double.IsFinite(result.Metrics[MetricNames.ExplainedVariance]));
        return policy;
    }

    private LanguageModel Policy() => subject.SharedTrunk();
}
