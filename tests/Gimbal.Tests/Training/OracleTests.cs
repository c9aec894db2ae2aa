using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Problems whose solution is known in closed form: the trainers must find it.</summary>
public sealed class OracleTests : IDisposable
{
    private const float Beta = 0.5f;
    private const string Arms = "01234567";

    private static readonly IReward ByArm = Reward.Create(sample =>
        sample.Completion.Length == 1 && Arms.Contains(sample.Completion[0]) ? RewardOf(Arms.IndexOf(sample.Completion[0])) : -0.5f);

    private readonly Device device = TestDevice.Open();

    public void Dispose() => device.Dispose();

    // A completion of one token is the arm of a bandit. KL(pi || ref) in the reward, or its k2 estimate in the loss, has the
    // optimum ref exp(r / beta), normalised.
    [Theory]
    [InlineData("grpo")]
    [InlineData("rloo")]
    [InlineData("reinforce++")]
    [InlineData("cispo")]
    [InlineData("exact kl")]
    public async Task GroupMethodsReachTheOptimumOfTheBandit(string name)
    {
        GrpoOptions plain = new()
        {
            MaxSteps = 150,
            PromptsPerStep = 1,
            GroupSize = 512,
            Beta = Beta,
            KlEstimator = KlEstimator.K2,
            Scale = AdvantageScale.None,
            Optimizer = Fast,
            Sampling = OneToken,
        };
        using LanguageModel policy = Bandit(), reference = Bandit();
        using GrpoTrainer trainer = new(policy, Prompt, ByArm, name switch
        {
            "rloo" => plain with
            {
                Ratio = RatioLevel.SequenceSum, Baseline = AdvantageBaseline.LeaveOneOut, KlPlacement = KlPlacement.Reward, KlEstimator = KlEstimator.K1,
            },
            "reinforce++" => plain with
            {
                KlPlacement = KlPlacement.TokenReward, KlEstimator = KlEstimator.K1, WhitenAdvantages = false,
            },
            "cispo" => plain with { Loss = PolicyLossKind.Cispo },
            "exact kl" => plain with { KlEstimator = KlEstimator.Full },
            _ => plain,
        }, reference: reference);
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        AssertOptimum(policy, reference);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PpoReachesTheOptimumOfTheBandit(bool sharedTrunk)
    {
        using LanguageModel start = Bandit(), reference = Bandit(), policy = sharedTrunk ? start.WithValueHead() : start.Clone(trainable: true);
        using ScoreModel? value = sharedTrunk ? null : ScoreModel.From(policy);
        using PpoTrainer trainer = new(policy, value, Prompt, ByArm, new PpoOptions
        {
            MaxSteps = 150,
            Rollouts = 512,
            Epochs = 1,
            KlCoefficient = Beta,
            WhitenAdvantages = false,
            ValueCoefficient = 1,
            SharedTrunk = sharedTrunk,
            Optimizer = Fast,
            Sampling = OneToken,
        }, reference: reference);
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        AssertOptimum(policy, reference);
    }

    // Pairs of arms as often as a Bradley-Terry judge would prefer the one: DPO's minimum is the same optimum. Every arm meets
    // the first and the next; the number of judgements of a pair is the one at which whole numbers come closest to the odds.
    [Fact]
    public async Task DpoReachesTheOptimumOnBradleyTerryLabels()
    {
        using LanguageModel policy = Bandit(), reference = Bandit();
        List<PreferenceExample> pairs = [];
        foreach ((int a, int b) in Enumerable.Range(1, Arms.Length - 1).SelectMany(arm => new[] { (0, arm), (arm, (arm + 1) % Arms.Length) }))
        {
            double odds = 1 / (1 + Math.Exp(RewardOf(b) - RewardOf(a)));
            int judgements = Enumerable.Range(15, 25).MinBy(count => Math.Abs(Math.Round(count * odds) / count - odds));
            int wins = (int)Math.Round(judgements * odds);
            pairs.AddRange(Enumerable.Repeat(new PreferenceExample("0", "", "", null, Ids(policy, a), Ids(policy, b)), wins));
            pairs.AddRange(Enumerable.Repeat(new PreferenceExample("0", "", "", null, Ids(policy, b), Ids(policy, a)), judgements - wins));
        }

        using DpoTrainer trainer = new(policy, new PreferenceDataset(pairs), new DpoOptions
        {
            MaxSteps = 120, BatchSize = pairs.Count, Beta = Beta, Optimizer = Fast,
        }, reference: reference);
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        AssertOptimum(policy, reference);
    }

    // KL(best of n || ref) = log n - (n - 1) / n where rewards do not tie (Stiennon et al. 2020): the estimators, averaged over
    // best-of-n samples, must give it.
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(16)]
    public void EstimatorsMeasureBestOfN(int n)
    {
        const int Arms = 4000;
        using Arena arena = new(device, 1 << 20);
        float[] best = [.. Enumerable.Range(1, Arms).Select(i => (float)Math.Log(Math.Pow((double)i / Arms, n) - Math.Pow((i - 1.0) / Arms, n)))];
        Tensor logprobs = arena.Allocate(DType.Float32, [Arms]), reference = arena.Allocate(DType.Float32, [Arms]), kl = arena.Allocate(DType.Float32, [Arms]);
        logprobs.CopyFrom<float>(best);
        reference.CopyFrom<float>([.. Enumerable.Repeat(-MathF.Log(Arms), Arms)]);
        // Of 16 the worst arms are so rare that k3, their inverse ratio, overflows.
        foreach (KlForm form in (KlForm[])[KlForm.K1, .. n < 16 ? [KlForm.K3] : Array.Empty<KlForm>()])
        {
            Ops.KlPenalty(logprobs, reference, kl, default, form);
            double mean = kl.ToArray<float>().Zip(best, (value, logprob) => value * Math.Exp(logprob)).Sum();
            Assert.Equal(Math.Log(n) - (n - 1.0) / n, mean, 2e-3); // measured: 9e-4, of the discrete arms
        }
    }

    // x' = 0.9 x + 0.5 u + noise, cost x^2 + 0.5 u^2, discount 0.9: the gain comes from the Riccati equation.
    [Fact]
    public async Task TheGaussianPolicyFindsTheGainOfTheLinearQuadraticRegulator()
    {
        const double A = 0.9, B = 0.5, R = 0.5, Gamma = 0.9;
        double p = 1;
        for (int i = 0; i < 200; i++)
        {
            p = 1 + Gamma * A * A * p - Math.Pow(Gamma * A * B * p, 2) / (R + Gamma * B * B * p);
        }

        double gain = Gamma * A * B * p / (R + Gamma * B * B * p);
        int seed = 0;
        using ControlTrainer trainer = new(_ => new Regulator(++seed), new ControlOptions
        {
            MaxSteps = 0,
            TotalSteps = 200_000,
            Environments = 8,
            StepsPerRollout = 256,
            Epochs = 4,
            Minibatches = 4,
            Gamma = (float)Gamma,
            Lambda = 0.9f,
            HiddenSizes = [],
            Optimizer = new OptimizerOptions { LearningRate = 3e-3f, MaxGradientNorm = 0.5f },
        });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        float[] up = new float[1], down = new float[1];
        trainer.Policy.Act([1, 1], up);
        trainer.Policy.Act([-1, 1], down);
        double found = -(up[0] - down[0]) / 2;
        Assert.True(Math.Abs(found - gain) < 0.05 * gain, $"gain {found:0.000}, the Riccati equation gives {gain:0.000}");
    }

    private static OptimizerOptions Fast { get; } = new() { LearningRate = 1e-2f, MaxGradientNorm = 1, Schedule = LearningRateSchedule.Linear };

    private static SamplingOptions OneToken { get; } = new() { MaxNewTokens = 1 };

    private static PromptDataset Prompt { get; } = new([new PromptExample("0")]);

    private static float RewardOf(int arm) => 0.1f * (arm * 5 % 8);

    private static int[] Ids(LanguageModel model, int arm) => model.Tokenizer.Encode(Arms[arm].ToString(), addSpecial: false);

    private LanguageModel Bandit()
    {
        CharacterTokenizer tokenizer = new(Arms, bos: null);
        return new LanguageModel(new ModelConfig
        {
            Family = ModelFamily.Llama,
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = 16,
            IntermediateSize = 16,
            Layers = 1,
            QueryHeads = 2,
            KeyValueHeads = 1,
            HeadDim = 8,
            MaxPositions = 8,
        }, tokenizer, device, seed: 3);
    }

    /// <summary>Total variation to ref exp(r / beta) among the arms, normalised, below 0.02.</summary>
    private static void AssertOptimum(LanguageModel policy, LanguageModel reference)
    {
        double[] optimum = Normalized([.. Distribution(reference).Select((p, arm) => p * Math.Exp(RewardOf(arm) / Beta))]);
        double[] found = Normalized(Distribution(policy)), start = Normalized(Distribution(reference));
        double distance = TotalVariation(found, optimum);
        Assert.True(TotalVariation(start, optimum) > 0.1);
        Assert.True(distance < 0.02, $"total variation {distance:0.0000}");
    }

    private static double[] Distribution(LanguageModel model)
    {
        float[] logprobs = new float[Arms.Length];
        TokenSequence[] sequences = [.. Enumerable.Range(0, Arms.Length).Select(arm =>
            TokenSequence.Of(model, "0", "", null, Ids(model, arm)))];
        using PolicyPass pass = new(model.Device, MemoryPlan.TrainingBytes(model, Arms.Length, 4));
        pass.Logprobs(model, sequences, 1, Arms.Length, logprobs);
        return [.. logprobs.Select(l => Math.Exp(l))];
    }

    private static double[] Normalized(double[] weights) => [.. weights.Select(w => w / weights.Sum())];

    private static double TotalVariation(double[] a, double[] b) => 0.5 * a.Zip(b, (x, y) => Math.Abs(x - y)).Sum();

    /// <summary>Observation (x, x^2), so that a critic without hidden layers can be right.</summary>
    private sealed class Regulator(int seed) : IEnvironment
    {
        private Random random = new(seed);
        private double x;
        private int steps;

        public Space Observations => Space.Box(2);

        public Space Actions => Space.Box(-10, 10, 1);

        public void Reset(ulong resetSeed, Span<float> observation)
        {
            random = new Random((int)(resetSeed % int.MaxValue) ^ seed);
            (x, steps) = (4 * random.NextDouble() - 2, 0);
            Observe(observation);
        }

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            double u = action[0], reward = -(x * x + 0.5 * u * u);
            x = 0.9 * x + 0.5 * u + 2 * (2 * random.NextDouble() - 1);
            Observe(observation);
            return new StepResult((float)reward, Terminated: false, Truncated: ++steps % 64 == 0);
        }

        private void Observe(Span<float> observation) => (observation[0], observation[1]) = ((float)x, (float)(x * x));
    }
}
