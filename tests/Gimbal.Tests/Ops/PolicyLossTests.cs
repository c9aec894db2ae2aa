using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class PolicyLossTests : PointwiseLossTests
{
    private static readonly PolicyObjective Clip = new() { ClipLow = 0.2f, ClipHigh = 0.28f, Delta = 1.6f, Beta = 0.3f };

    private PolicyObjective objective = Clip;

    public PolicyLossTests() : base(1) { }

    private PolicyLossTests(int threads) : base(threads) { }

    public static TheoryData<string> Objectives => [.. Named.Keys];

    private static Dictionary<string, PolicyObjective> Named => new()
    {
        ["clip"] = Clip,
        ["dual clip"] = new() { ClipLow = 0.2f, ClipHigh = 0.3f, DualClip = 1.5f },
        ["corrected kl"] = Clip with { CorrectKl = true },
        ["k1"] = Clip with { Kl = KlForm.K1 },
        ["k2"] = Clip with { Kl = KlForm.K2, CorrectKl = true },
        ["cispo"] = new() { Surrogate = PolicySurrogate.Cispo, ClipLow = 0.5f, ClipHigh = 0.28f, Beta = 0.1f },
        ["reinforce"] = new() { Surrogate = PolicySurrogate.Cispo, ClipLow = 0, ClipHigh = 0 },
        ["sapo"] = new() { Surrogate = PolicySurrogate.Sapo, Positive = 1, Negative = 1.05f, Beta = 0.2f, CorrectKl = true },
        ["vespo"] = new() { Surrogate = PolicySurrogate.Vespo, Positive = 2, PositiveRate = 3, Negative = 3, NegativeRate = 2 },
    };

    protected override double Relative => 8e-6; // measured: at most 0.5 of it (vespo, whose exponent multiplies rounding)

    [Theory]
    [MemberData(nameof(Objectives))]
    public void EverySurrogateIsItsFormula(string name)
    {
        objective = Named[name];
        IsTheFormula(513);
        if (objective.Surrogate is PolicySurrogate.Clip or PolicySurrogate.Sapo)
            TheGradientIsTheDerivative(); // of the others a factor counts as a constant
        WeightZeroLeavesNoTrace();
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void ExtremeRatiosGiveNumbers(string name)
    {
        objective = Named[name] with { Beta = 0 };
        float[] ratios = [-1e4f, -95, 0, 95, 1e4f], advantages = [-1, 0, 1];
        float[] logprobs = [.. ratios.SelectMany(r => advantages.Select(_ => r))], a = [.. ratios.SelectMany(_ => advantages)];
        float[] none = new float[a.Length];
        Result result = Run([logprobs, none, none, a], null);
        Assert.All(result.Losses.Concat(result.Gradients[0]), v => Assert.False(float.IsNaN(v), name));
    }

    [Fact]
    public void WithoutReferenceAndBoundItIsPpo()
    {
        float[][] inputs = Inputs(500, seed: 1);
        float[] weights = Weights(500);
        Tensor losses = Output([500]), gradients = Output([500]), ppoLosses = Output([500]), ppoGradients = Output([500]);
        Tensor statistics = Zeros([9], DType.Float64), ppoStatistics = Zeros([8], DType.Float64);
        Ops.PolicyLoss(From(inputs[0]), From(inputs[1]), default, default, From(inputs[3]), default, default, From(weights), losses,
            gradients, default, statistics, new() { ClipLow = 0.2f, ClipHigh = 0.28f });
        Ops.PpoClipLoss(From(inputs[0]), From(inputs[1]), From(inputs[3]), From(weights), ppoLosses, ppoGradients,
            ppoStatistics, 0.2f, 0.28f);
        AssertSameBits(ppoLosses.ToArray<float>(), losses.ToArray<float>());
        AssertSameBits(ppoGradients.ToArray<float>(), gradients.ToArray<float>());
        Assert.Equal([.. ppoStatistics.ToArray<double>(), 0], statistics.ToArray<double>());
    }

    [Fact]
    public void AtTheReferenceThePenaltyVanishesExactly()
    {
        float[] logprobs = Normal(100, seed: 2), none = new float[100];
        Result result = Run([logprobs, logprobs, logprobs, none], null);
        Assert.All(result.Losses, v => Assert.Equal(0, v));
        Assert.All(result.Gradients[0], v => Assert.Equal(0, v));
    }

    [Fact]
    public void TheReferenceIsMeasuredWithoutAPenalty()
    {
        Tensor statistics = Zeros([9], DType.Float64);
        Ops.PolicyLoss(From(0.5f), From(0f), default, From(-0.5f), From(1f), default, default, default, default, default, default,
            statistics, new());
        Assert.Equal(Math.Exp(-1) - 1 + 1, statistics.ToArray<double>()[8], 1e-7);
    }

    [Theory]
    [InlineData(95.0f, 1.0f)]
    [InlineData(95.0f, -1.0f)]
    [InlineData(1e4f, -1.0f)]
    [InlineData(-1e4f, -1.0f)]
    [InlineData(-1e4f, 1.0f)]
    public void TheBoundOnTheRatioKeepsExtremesFinite(float logRatio, float advantage)
    {
        objective = Clip with { Beta = 0 };
        Result result = Run([[logRatio], [0f], [0f], [advantage]], null);
        Assert.Equal(0, result.Gradients[0][0]);
        double ratio = Math.Min(Math.Exp(logRatio), 1.6);
        Assert.Equal(-Math.Min(ratio * advantage, Math.Clamp(ratio, 0.8, 1.28) * advantage), result.Losses[0], 1e-6);
    }

    // What flows through the ratio and what does not add up to the gradient of the fused form.
    [Theory]
    [MemberData(nameof(Objectives))]
    public void GivenRatiosSplitTheGradient(string name)
    {
        objective = Named[name];
        float[][] inputs = Inputs(200, seed: 3);
        float[] ratios = [.. inputs[0].Zip(inputs[1], (l, o) => l - o)];
        Result fused = Run(inputs, null);
        Tensor losses = Output([200]), direct = Output([200]), through = Output([200]);
        Ops.PolicyLoss(From(inputs[0]), default, From(ratios), From(inputs[2]), From(inputs[3]), default, default, default, losses,
            direct, through, default, objective);
        AssertSameBits(fused.Losses, losses.ToArray<float>());
        AssertSameBits(fused.Gradients[0], [.. direct.ToArray<float>().Zip(through.ToArray<float>(), (d, t) => t + d)]);
    }

    [Fact]
    public void CorrectionsMultiplyTheSurrogateAlone()
    {
        float[][] inputs = Inputs(100, seed: 4);
        float[] corrections = [.. Normal(100, seed: 5).Select((c, i) => i % 4 == 0 ? 0 : Math.Abs(c))];
        (float[] Losses, float[] Gradient) Loss(PolicyObjective o, bool corrected, float[] logprobs)
        {
            Tensor losses = Output([100]), gradient = Output([100]);
            Ops.PolicyLoss(From(logprobs), From(inputs[1]), default, From(inputs[2]), From(inputs[3]), corrected ? From(corrections) : default,
                default, default, losses, gradient, default, default, o);
            return (losses.ToArray<float>(), gradient.ToArray<float>());
        }

        (float[] both, float[] gradient) = Loss(Clip, corrected: true, inputs[0]);
        (float[] plain, float[] slope) = Loss(Clip with { Beta = 0 }, corrected: false, inputs[0]);
        (float[] whole, float[] wholeSlope) = Loss(Clip, corrected: false, inputs[0]);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(corrections[i] * plain[i] + (whole[i] - plain[i]), both[i], 2e-5);
            Assert.Equal(corrections[i] * slope[i] + (wholeSlope[i] - slope[i]), gradient[i], 2e-5);
        }

        float[] infinite = [.. inputs[0].Select((l, i) => i % 4 == 0 ? 1e4f : l)];
        (float[] dropped, _) = Loss(new() { ClipHigh = 0.28f }, corrected: true, infinite);
        Assert.All(Enumerable.Range(0, 100).Where(i => i % 4 == 0), i => Assert.Equal(0, dropped[i]));
    }

    [Fact]
    public void TheOffPolicyMaskDropsBadSequencesThatDrifted()
    {
        Tensor losses = Output([4]), gradient = Output([4]);
        Ops.PolicyLoss(From(0f, 0f, 0f, 0f), From(0f, 0f, 0f, 0f), default, default, From(-1f, -1f, 1f, 1f), default,
            From(-0.2f, -0.05f, -0.2f, 0.2f), default, losses, gradient, default, default, new() { OffPolicyThreshold = 0.1f });
        AssertSameBits([0, 1, -1, -1], losses.ToArray<float>());
        AssertSameBits([0, 1, -1, -1], gradient.ToArray<float>());
    }

    [Fact]
    public void NamesWhatIsMissing()
    {
        void Call(Tensor old, PolicyObjective o) => Ops.PolicyLoss(From(0f), old, default, default, From(0f), default, default, default,
            default, default, default, default, o);
        AssertInvalid("ref_logprobs", () => Call(From(0f), new() { Beta = 0.1f }));
        AssertInvalid("old_logprobs", () => Call(default, new()));
        AssertInvalid("clip_low", () => Call(From(0f), new() { ClipLow = 1.5f }));
        AssertInvalid("positive", () => Call(From(0f), new() { Surrogate = PolicySurrogate.Sapo, Positive = 0 }));
    }

    protected override float[] Compute()
    {
        List<float> all = [];
        foreach (PolicyObjective each in Named.Values)
        {
            objective = each;
            all.AddRange(Run(Inputs(LargeCount / 2, seed: 1), Weights(LargeCount / 2)).Everything);
        }

        return [.. all];
    }

    protected override float[][] Inputs(int count, int seed)
    {
        float[] old = Normal(count, seed), change = Normal(count, seed + 100, scale: 0.5f);
        return [[.. old.Zip(change, (o, c) => o + c)], old, Normal(count, seed + 200), Normal(count, seed + 300)];
    }

    protected override Point Reference(double[] x)
    {
        PolicyObjective o = objective;
        double logRatio = x[0] - x[1], ratio = Math.Exp(logRatio), d = x[0] - x[2], a = x[3];
        (double loss, double gradient, bool low, bool high) = Surrogate(x[0], logRatio, a);
        (double kl, double slope) = o.Kl switch
        {
            KlForm.K1 => (d, 1.0),
            KlForm.K2 => (d * d / 2, d),
            _ => (Math.Exp(-d) - 1 + d, 1 - Math.Exp(-d)),
        };
        (kl, slope) = o.CorrectKl ? (kl * ratio, ratio * (slope + kl)) : (kl, slope);
        return new Point(loss + o.Beta * kl, [gradient + o.Beta * slope],
            [low ? 1 : 0, high ? 1 : 0, -logRatio, ratio - 1 - logRatio, ratio, kl]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.PolicyLoss(inputs[0], inputs[1], default, inputs[2], inputs[3], default, default, weights, losses, gradients[0], default,
            statistics, objective);

    protected override InvariantOpTests WithThreads(int count) => new PolicyLossTests(count);

    private (double Loss, double Gradient, bool Low, bool High) Surrogate(double logprob, double logRatio, double a)
    {
        PolicyObjective o = objective;
        double ratio = Math.Exp(logRatio), least = 1 - (double)o.ClipLow, most = 1 + (double)o.ClipHigh;
        bool low = a < 0 && ratio < least, high = a > 0 && ratio > most;
        switch (o.Surrogate)
        {
            case PolicySurrogate.Cispo:
                double held = Math.Clamp(ratio, least, most);
                return (-held * a * logprob, -held * a, low, high);
            case PolicySurrogate.Sapo:
                double t = a > 0 ? o.Positive : o.Negative, gate = 1 / (1 + Math.Exp(-t * (ratio - 1)));
                return (-4 / t * gate * a, -4 * gate * (1 - gate) * ratio * a, false, false);
            case PolicySurrogate.Vespo:
                (double k, double rate) = a >= 0 ? (o.Positive, o.PositiveRate) : (o.Negative, o.NegativeRate);
                double w = Math.Clamp(ratio, 1e-8, Math.Exp(20)), phi = Math.Exp(rate) * Math.Pow(w, k) * Math.Exp(-rate * w);
                return (-phi * a * logprob, -phi * a, false, false);
            default:
                double delta = o.Delta > 0 ? o.Delta : double.PositiveInfinity, bounded = Math.Min(ratio, delta);
                double loss = -Math.Min(bounded * a, Math.Clamp(bounded, least, most) * a);
                bool dual = o.DualClip > 0 && a < 0 && loss > -a * o.DualClip;
                return (dual ? -a * o.DualClip : loss, low || high || dual || ratio > delta ? 0 : -a * ratio, low, high);
        }
    }
}
