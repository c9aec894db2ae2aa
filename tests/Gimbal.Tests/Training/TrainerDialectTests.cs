using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Every loss that an option switches on: a step whose gradient does not depend on the micro-batch, and its first value.</summary>
public sealed class TrainerDialectTests : IDisposable
{
    private readonly TrainerSubject subject = new();
    private IReadOnlyDictionary<string, double> last = new Dictionary<string, double>();

    private static readonly DpoOptions PlainDpo = new() { MaxSteps = 1, BatchSize = 8, Optimizer = TrainerSubject.Adam };

    private static readonly GrpoOptions PlainGrpo = new()
    {
        MaxSteps = 1,
        PromptsPerStep = 2,
        GroupSize = 4,
        Optimizer = TrainerSubject.Adam,
        Sampling = TrainerSubject.Sampling,
    };

    private static readonly Dictionary<string, DpoOptions> Dpo = new()
    {
        ["robust"] = PlainDpo with { Loss = "robust", LabelSmoothing = 0.1f },
        ["hinge"] = PlainDpo with { Loss = "hinge" },
        ["ipo of means"] = PlainDpo with { Loss = "ipo", LengthNormalized = true },
        ["exo_pair"] = PlainDpo with { Loss = "exo_pair", LabelSmoothing = 0.01f },
        ["nca_pair"] = PlainDpo with { Loss = "nca_pair" },
        ["bco_pair"] = PlainDpo with { Loss = "bco_pair" },
        ["apo_zero"] = PlainDpo with { Loss = "apo_zero" },
        ["apo_down"] = PlainDpo with { Loss = "apo_down" },
        ["sppo_hard"] = PlainDpo with { Loss = "sppo_hard" },
        ["discopop"] = PlainDpo with { Loss = "discopop" },
        ["aot"] = PlainDpo with { Loss = "aot" },
        ["aot_unpaired"] = PlainDpo with { Loss = "aot_unpaired", LabelSmoothing = 0.05f },
        ["forward kl"] = PlainDpo with { Divergence = RatioDivergence.ForwardKl },
        ["jensen-shannon"] = PlainDpo with { Divergence = RatioDivergence.JensenShannon },
        ["alpha"] = PlainDpo with { Divergence = RatioDivergence.Alpha, Alpha = 0.4f },
        ["ld-dpo"] = PlainDpo with { LengthAlpha = 0.5f },
        ["mpo"] = PlainDpo with { Loss = "sigmoid:0.8, bco_pair:0.2, sft:1" },
        ["cpo"] = PlainDpo with { Loss = "sigmoid, sft", ReferenceFree = true },
        ["simpo"] = PlainDpo with { ReferenceFree = true, LengthNormalized = true, Beta = 2, Margin = 1 },
        ["alphapo"] = PlainDpo with { ReferenceFree = true, LengthNormalized = true, Beta = 2, Margin = 0.3f, Divergence = RatioDivergence.Alpha, Alpha = 0.75f },
        ["orpo"] = PlainDpo with { Loss = "odds_ratio, sft", ReferenceFree = true, LengthNormalized = true },
        ["orpo of trl"] = PlainDpo with { Loss = "odds_ratio, sft:1.5", ReferenceFree = true, LengthNormalized = true, SftPrompt = true },
    };

    private static readonly Dictionary<string, GrpoOptions> Grpo = new()
    {
        ["dapo"] = PlainGrpo with { ClipHigh = 0.28f, Beta = 0, OverlongBuffer = 2 },
        ["dr. grpo"] = PlainGrpo with { Scale = AdvantageScale.None, Normalizer = LossNormalizer.MaxTokens },
        ["gspo"] = PlainGrpo with { Ratio = RatioLevel.Sequence, ClipLow = 3e-4f, ClipHigh = 4e-4f, Normalizer = LossNormalizer.Sequences, Beta = 0 },
        ["gspo-token"] = PlainGrpo with { Ratio = RatioLevel.SequenceToken },
        ["luspo"] = PlainGrpo with { Ratio = RatioLevel.Sequence, Normalizer = LossNormalizer.SequenceSums },
        ["cispo"] = PlainGrpo with { Loss = PolicyLossKind.Cispo, ClipLow = 1, ClipHigh = 4, CorrectKl = true },
        ["sapo"] = PlainGrpo with { Loss = PolicyLossKind.Sapo, Normalizer = LossNormalizer.Sequences },
        ["vespo"] = PlainGrpo with { Loss = PolicyLossKind.Vespo },
        ["dual clip"] = PlainGrpo with { DualClip = 3, KlEstimator = KlEstimator.K2 },
        ["rloo"] = PlainGrpo with
        {
            Ratio = RatioLevel.SequenceSum, Baseline = AdvantageBaseline.LeaveOneOut, Scale = AdvantageScale.None,
            KlPlacement = KlPlacement.Reward, KlEstimator = KlEstimator.K1, Normalizer = LossNormalizer.Sequences,
        },
        ["reinforce++"] = PlainGrpo with
        {
            Baseline = AdvantageBaseline.None, Scale = AdvantageScale.None, WhitenAdvantages = true, KlPlacement = KlPlacement.TokenReward, KlEstimator = KlEstimator.K1,
        },
        ["reinforce++ baseline"] = PlainGrpo with { Scale = AdvantageScale.None, WhitenAdvantages = true, KlEstimator = KlEstimator.K2 },
        ["batch scale"] = PlainGrpo with { Scale = AdvantageScale.Batch },
        ["gdpo"] = PlainGrpo with { Aggregation = RewardAggregation.NormalizeThenSum },
        ["entropy"] = PlainGrpo with { EntropyCoefficient = 0.02f },
        ["exact kl"] = PlainGrpo with { KlEstimator = KlEstimator.Full, Beta = 0.5f, EntropyCoefficient = 0.02f },
        ["exact kl of sequences"] = PlainGrpo with { KlEstimator = KlEstimator.Full, Ratio = RatioLevel.Sequence },
        ["exact kl in the reward"] = PlainGrpo with { KlEstimator = KlEstimator.Full, KlPlacement = KlPlacement.TokenReward },
        ["off-policy mask"] = PlainGrpo with { OffPolicyThreshold = 0.05f },
        ["corrected"] = PlainGrpo with { Correction = RolloutCorrection.TruncateTokens },
        ["masked truncation"] = PlainGrpo with { MaskTruncated = true, TruncatedReward = -0.5f },
    };

    public static TheoryData<string> DpoNames => [.. Dpo.Keys];

    public static TheoryData<string> GrpoNames => [.. Grpo.Keys];

    public static TheoryData<UnpairedLossKind> KtoLosses => [.. Enum.GetValues<UnpairedLossKind>()];

    public void Dispose() => subject.Dispose();

    [Theory]
    [MemberData(nameof(DpoNames))]
    public Task DpoGradientsAreThoseOfTheWholeStep(string name) => TrainerInvarianceTests.SameGradient(3, async micro =>
    {
        LanguageModel model = subject.Model();
        using DpoTrainer trainer = new(model, subject.Pairs, Dpo[name] with { MicroBatch = micro }, reference: subject.Model(seed: 4));
        last = (await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken)).Metrics;
        Assert.True(double.IsFinite(last[MetricNames.Loss]));
        return [model.Store];
    });

    [Theory]
    [MemberData(nameof(GrpoNames))]
    public Task GrpoGradientsAreThoseOfTheWholeStep(string name) => TrainerInvarianceTests.SameGradient(3, async micro =>
    {
        LanguageModel model = subject.Model();
        IReward reward = Reward.Sum((1f, subject.Reward), (0.5f, Reward.Create(sample => sample.Completion.Length % 3)));
        using GrpoTrainer trainer = new(model, subject.Prompts, reward, Grpo[name] with { MicroBatch = micro }, reference: subject.Model(seed: 4));
        last = (await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken)).Metrics;
        Assert.True(double.IsFinite(last[MetricNames.Loss]));
        Assert.Equal(0, last[MetricNames.MismatchBits]);
        return [model.Store];
    });

    [Theory]
    [MemberData(nameof(KtoLosses))]
    public Task KtoGradientsAreThoseOfTheWholeStep(UnpairedLossKind kind) => TrainerInvarianceTests.SameGradient(3, async micro =>
    {
        LanguageModel model = subject.Model();
        using KtoTrainer trainer = new(model, LabelledDataset.FromPairs(subject.Pairs), new KtoOptions
        {
            MaxSteps = 1, BatchSize = 8, MicroBatch = micro, Loss = kind, UndesirableWeight = 1.3f, Optimizer = TrainerSubject.Adam,
        }, reference: subject.Model(seed: 4));
        last = (await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken)).Metrics;
        return [model.Store];
    });

    // The gradient of a sum: that of its first term, and that of maximum likelihood of the chosen sides.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheSftTermIsThatOfSft(bool prompts)
    {
        DpoOptions plain = PlainDpo with { BatchSize = 12, Loss = "odds_ratio", ReferenceFree = true, LengthNormalized = true };
        float[] pairs = await Moment(plain), sum = await Moment(plain with { Loss = "odds_ratio, sft", SftPrompt = prompts });
        LanguageModel model = subject.Model();
        CompletionDataset chosen = new(subject.Pairs.Select(pair => new CompletionExample(pair.Prompt, pair.Chosen)));
        using SftTrainer sft = new(model, chosen, new SftOptions { MaxSteps = 1, BatchSize = 12, CompletionOnly = !prompts, Optimizer = TrainerSubject.Adam });
        await sft.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        float[] expected = [.. pairs.Zip(model.Store.FirstMoment.ToArray<float>(), (a, b) => a + b)];
        double norm = Math.Sqrt(expected.Sum(value => (double)value * value));
        double error = Math.Sqrt(expected.Zip(sum).Sum(pair => Math.Pow((double)pair.First - pair.Second, 2))) / norm;
        Assert.True(error <= 1e-6, $"off by {error:E2} of the norm"); // measured: 3.3e-7

        async Task<float[]> Moment(DpoOptions options)
        {
            LanguageModel policy = subject.Model();
            using DpoTrainer trainer = new(policy, subject.Pairs, options);
            await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
            return policy.Store.FirstMoment.ToArray<float>();
        }
    }

    // At the reference every log-ratio is 0.
    [Theory]
    [InlineData("sigmoid", 0.693147)]
    [InlineData("hinge", 1)]
    [InlineData("ipo", 25)]
    [InlineData("nca_pair", 1.386294)]
    [InlineData("apo_zero", 1)]
    [InlineData("sppo_hard", 50)]
    [InlineData("discopop", 0.846574)]
    [InlineData("aot", 0.693147)]
    [InlineData("sigmoid:0.8, bco_pair:0.2", 0.831777)]
    public async Task FirstLossAtTheReference(string loss, double expected)
    {
        using DpoTrainer trainer = new(subject.Model(), subject.Pairs, PlainDpo with { Loss = loss });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(expected, result.Metrics[MetricNames.Loss], 1e-5 * expected);
    }

    [Fact]
    public async Task KtoSeparatesTheLabels()
    {
        using KtoTrainer trainer = new(subject.Model(), LabelledDataset.FromPairs(subject.Pairs), new KtoOptions
        {
            MaxSteps = 30, BatchSize = 24, Optimizer = TrainerSubject.Adam with { LearningRate = 3e-3f },
        });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(result.Metrics[MetricNames.RewardsMargins] > 0.3, $"margin {result.Metrics[MetricNames.RewardsMargins]}");
        Assert.True(result.Metrics[MetricNames.Loss] < 0.45, $"loss {result.Metrics[MetricNames.Loss]}");
    }

    [Theory]
    [InlineData(1f, 0f, 0f)]
    [InlineData(0f, 1e-2f, 0f)]
    [InlineData(0f, 0f, 5f)]
    public Task SftGradientsAreThoseOfTheWholeStep(float power, float zLoss, float noise) => TrainerInvarianceTests.SameGradient(3, async micro =>
    {
        LanguageModel model = subject.Model();
        using SftTrainer trainer = new(model, subject.Examples, new SftOptions
        {
            MaxSteps = 1, BatchSize = 8, MicroBatch = micro, ProbabilityPower = power, ZLoss = zLoss, NeftuneAlpha = noise,
            Optimizer = TrainerSubject.Adam,
        });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        return [model.Store];
    });

    [Fact]
    public async Task TheKlControllerRaisesItsCoefficientWhenTheKlIsAboveTheTarget()
    {
        KlController controller = new(0.2, target: 6, horizon: 100);
        controller.Update(12, samples: 50);
        Assert.Equal(0.2 * (1 + 0.2 * 50 / 100), controller.Coefficient, 1e-12);
        controller.Update(3, samples: 50);
        Assert.Equal(0.22 * (1 - 0.2 * 50 / 100), controller.Coefficient, 1e-12);
        using PpoTrainer trainer = new(subject.Model(), subject.Scorer(), subject.Prompts, subject.Reward, TrainerInvarianceTests.PpoOptions(0) with
        {
            MaxSteps = 2, KlTarget = 1, KlHorizon = 10, DualClip = 3, ClipRangeHigh = 0.3f, EntropyCoefficient = 0.01f, ScoreClip = 1, OverlongBuffer = 2,
        });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(0, result.MismatchBits);
    }

    [Theory]
    [InlineData("dpo.loss", "sigmoid:x")]
    [InlineData("dpo.loss", "sigmiod")]
    public void AnUnknownLossIsNamed(string key, string loss)
    {
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => (PlainDpo with { Loss = loss }).Validate());
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }
}
