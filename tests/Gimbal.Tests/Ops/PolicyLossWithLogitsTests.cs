using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class PolicyLossWithLogitsTests : InvariantOpTests
{
    private const float Bonus = 0.03f, Temperature = 0.8f;

    public PolicyLossWithLogitsTests() : base(1) { }

    private PolicyLossWithLogitsTests(int threads) : base(threads) { }

    public static TheoryData<string, int> Cases => new(
        from objective in Objectives.Keys from vocabulary in new[] { 1, 33, 513, 1539 } select (objective, vocabulary));

    private static Dictionary<string, PolicyObjective> Objectives => new()
    {
        ["ppo"] = new() { ClipLow = 0.2f, ClipHigh = 0.3f, DualClip = 1.5f },
        ["grpo"] = new() { ClipLow = 0.2f, ClipHigh = 0.28f, Delta = 1.6f, Beta = 0.3f },
        ["cispo"] = new() { Surrogate = PolicySurrogate.Cispo, ClipLow = 0.5f, Beta = 0.1f, Kl = KlForm.K2, CorrectKl = true },
        ["sapo"] = new() { Surrogate = PolicySurrogate.Sapo, Positive = 1, Negative = 1.05f },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void HasTheBitsOfTheThreeOpsItStandsFor(string name, int vocabulary)
    {
        foreach (bool isWhole in new[] { true, false })
        {
            Row rows = new(this, 37, vocabulary, isWhole);
            Outputs chain = rows.Chain(Objectives[name], isWhole ? Bonus : 0), fused = rows.Fused(Objectives[name], isWhole ? Bonus : 0);
            Assert.True(vocabulary == 1 || chain.Floats.Count(v => v != 0) > chain.Floats.Length / 2);
            AssertSameBits(chain.Floats, fused.Floats);
            Assert.Equal(chain.Statistics, fused.Statistics);
        }
    }

    // More logits than a thread block holds in shared memory.
    [Fact]
    public void ALongRowHasThem()
    {
        Row rows = new(this, 2, 30_011, isWhole: true);
        AssertSameBits(rows.Chain(Objectives["grpo"], Bonus).Floats, rows.Fused(Objectives["grpo"], Bonus).Floats);
    }

    [Fact]
    public void TheGradientMayTakeThePlaceOfStridedLogits()
    {
        const int Count = 6, Vocabulary = 600;
        Row rows = new(this, Count, Vocabulary, isWhole: true);
        Outputs apart = rows.Fused(Objectives["grpo"], Bonus);
        Tensor wide = Zeros([Count, Vocabulary + 13]), part = wide.Columns(5, Vocabulary);
        float[] logits = rows.Logits.ToArray<float>();
        for (int r = 0; r < Count; r++)
        {
            part.RowRange(r, 1).CopyFrom<float>(logits.AsSpan(r * Vocabulary, Vocabulary));
        }

        Outputs inPlace = rows.Fused(Objectives["grpo"], Bonus, part, part);
        AssertSameBits(apart.Floats, inPlace.Floats);
        Assert.All(Enumerable.Range(0, Count), r => Assert.Equal(0, wide.ToArray<float>()[r * (Vocabulary + 13)]));
    }

    [Fact]
    public void ARowThatWeighsNothingOrIsLeftOutHasNoGradient()
    {
        float[] logits = [float.NaN, 1, 2, float.NaN, float.NaN, 3, 1, 2, 3];
        Tensor dlogits = Output([3, 3]), statistics = Zeros([9], DType.Float64), three = From(0f, 0f, 0f), logprobs = Output([3]);
        Ops.PolicyLossWithLogits(From(logits, [3, 3]), From(1, -1, 2), three, default, From(1f, 1f, 1f), default, From(0f, 0f, 2f), logprobs,
            default, default, dlogits, statistics, new(), entropyCoefficient: 1);
        Assert.All(dlogits.ToArray<float>()[..6], v => Assert.Equal(0, v));
        Assert.All(dlogits.ToArray<float>()[6..], v => Assert.True(float.IsFinite(v) && v != 0));
        Assert.Equal(0, logprobs.ToArray<float>()[1]);
        Assert.Equal(1, statistics.ToArray<double>()[2]);
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor logits = Zeros([2, 3]), rows = Zeros([2]), ids = From(0, 1);
        void Call(Tensor targets, PolicyObjective objective, float temperature = 1, float bonus = 0) => Ops.PolicyLossWithLogits(logits, targets,
            rows, default, rows, default, default, rows, default, default, logits, default, objective, bonus, temperature);
        AssertInvalid("temperature", () => Call(ids, new(), temperature: 0));
        AssertInvalid("entropy_coefficient", () => Call(ids, new(), bonus: float.NaN));
        AssertInvalid("ref_logprobs", () => Call(ids, new() { Beta = 0.1f }));
        AssertInvalid("objective.surrogate: wanted a surrogate of single tokens", () => Call(ids, new() { Surrogate = PolicySurrogate.Vespo }));
        AssertOutOfRange("targets[1]: wanted", () => Call(From(0, 3), new()));
    }

    protected override float[] Compute()
    {
        Row rows = new(this, 29, 1539, isWhole: true);
        return [.. Objectives.Values.Select(o => rows.Fused(o, Bonus)).SelectMany(o => o.Floats.Concat(o.Statistics.Select(s => (float)s)))];
    }

    protected override InvariantOpTests WithThreads(int count) => new PolicyLossWithLogitsTests(count);

    private sealed record Outputs(float[] Floats, double[] Statistics);

    /// <summary>Rows of logits with old log-probabilities around theirs; whole: with reference, corrections and weights.</summary>
    private sealed class Row
    {
        private readonly PolicyLossWithLogitsTests tests;
        private readonly int count;
        private readonly Tensor targets, old, reference, advantages, corrections, weights;

        public Row(PolicyLossWithLogitsTests tests, int count, int vocabulary, bool isWhole)
        {
            (this.tests, this.count) = (tests, count);
            Shape shape = [count];
            Logits = tests.Place(Normal(count * vocabulary, seed: 1, scale: 2), [count, vocabulary]);
            targets = tests.From<int>([.. Enumerable.Range(0, count).Select(r => r == 3 ? -1 : 7919 * r % vocabulary)]);
            Tensor logprobs = tests.Output(shape);
            Ops.LogprobGather(Logits, targets, logprobs, default, default, Temperature);
            float[] Near(int seed) => [.. logprobs.ToArray<float>().Zip(Normal(count, seed, scale: 0.5f), (l, d) => l + d)];
            (old, reference) = (tests.Place(Near(2), shape), tests.Place(Near(3), shape));
            advantages = tests.Place(Normal(count, seed: 4), shape);
            corrections = isWhole ? tests.Place([.. Normal(count, seed: 5).Select((c, r) => r % 5 == 0 ? 0 : Math.Abs(c))], shape) : default;
            weights = isWhole ? tests.Place([.. Normal(count, seed: 6).Select((w, r) => r % 7 == 2 ? 0 : w)], shape) : default;
        }

        public Tensor Logits { get; }

        public Outputs Fused(PolicyObjective objective, float bonus) => Fused(objective, bonus, Logits, tests.Output(Logits.Shape));

        public Outputs Fused(PolicyObjective objective, float bonus, Tensor logits, Tensor dlogits)
        {
            Tensor logprobs = tests.Output([count]), entropies = tests.Output([count]), losses = tests.Output([count]);
            Tensor statistics = tests.Zeros([9], DType.Float64);
            Ops.PolicyLossWithLogits(logits, targets, old, reference, advantages, corrections, weights, logprobs, entropies, losses, dlogits,
                statistics, objective, bonus, Temperature);
            return Read(logprobs, entropies, losses, dlogits, statistics);
        }

        public Outputs Chain(PolicyObjective objective, float bonus)
        {
            Tensor logprobs = tests.Output([count]), entropies = tests.Output([count]), losses = tests.Output([count]);
            Tensor lse = tests.Output([count]), dlogprobs = tests.Output([count]), dlogits = tests.Output(Logits.Shape);
            Tensor statistics = tests.Zeros([9], DType.Float64), dentropies = tests.Output([count]);
            Ops.LogprobGather(Logits, targets, logprobs, entropies, lse, Temperature);
            Ops.PolicyLoss(logprobs, old, default, reference, advantages, corrections, default, weights, losses, dlogprobs, default, statistics,
                objective);
            dentropies.CopyFrom<float>(weights.IsEmpty ? [.. Enumerable.Repeat(1f, count)] : weights.ToArray<float>());
            Ops.Scale(dentropies, -bonus);
            Ops.LogprobGatherBackward(Logits, targets, lse, entropies, dlogprobs, bonus == 0 ? default : dentropies, dlogits, Temperature);
            return Read(logprobs, entropies, losses, dlogits, statistics);
        }

        private static Outputs Read(Tensor logprobs, Tensor entropies, Tensor losses, Tensor dlogits, Tensor statistics) => new(
            [.. logprobs.ToArray<float>(), .. entropies.ToArray<float>(), .. losses.ToArray<float>(), .. Rows(dlogits)],
            statistics.ToArray<double>());

        private static float[] Rows(Tensor tensor) =>
            [.. Enumerable.Range(0, (int)tensor.Rows).SelectMany(r => tensor.RowRange(r, 1).ToArray<float>())];
    }
}
