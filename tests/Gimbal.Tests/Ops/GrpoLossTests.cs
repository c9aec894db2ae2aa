using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GrpoLossTests : PointwiseLossTests
{
    private const float Low = 0.2f, High = 0.28f, Delta = 1.6f, Beta = 0.3f;

    public GrpoLossTests() : base(1) { }

    private GrpoLossTests(int threads) : base(threads) { }

    [Fact]
    public void WithoutReferenceAndBoundItIsPpo()
    {
        float[][] inputs = Inputs(500, seed: 1);
        float[] weights = Weights(500);
        Tensor losses = Output([500]), gradients = Output([500]), ppoLosses = Output([500]), ppoGradients = Output([500]);
        Tensor statistics = Zeros([9], DType.Float64), ppoStatistics = Zeros([8], DType.Float64);
        Ops.GrpoLoss(From(inputs[0]), From(inputs[1]), default, From(inputs[3]), From(weights), losses, gradients, statistics,
            Low, High);
        Ops.PpoClipLoss(From(inputs[0]), From(inputs[1]), From(inputs[3]), From(weights), ppoLosses, ppoGradients,
            ppoStatistics, Low, High);
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
        Ops.GrpoLoss(From(0.5f), From(0f), From(-0.5f), From(1f), default, default, default, statistics, Low, High, beta: 0);
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
        Tensor loss = Output([1]), gradient = Output([1]);
        Ops.GrpoLoss(From(logRatio), From(0f), default, From(advantage), default, loss, gradient, default, Low, High, Delta);
        Assert.Equal(0, gradient.ToArray<float>()[0]);
        double ratio = Math.Min(Math.Exp(logRatio), Delta);
        Assert.Equal(-Math.Min(ratio * advantage, Math.Clamp(ratio, 0.8, 1.28) * advantage), loss.ToArray<float>()[0], 1e-6);
    }

    [Fact]
    public void APenaltyNeedsAReference() => AssertInvalid("ref_logprobs",
        () => Ops.GrpoLoss(From(0f), From(0f), default, From(0f), default, default, default, default, Low, High, beta: 0.1f));

    protected override float[][] Inputs(int count, int seed)
    {
        float[] old = Normal(count, seed), change = Normal(count, seed + 100, scale: 0.5f);
        return [[.. old.Zip(change, (o, c) => o + c)], old, Normal(count, seed + 200), Normal(count, seed + 300)];
    }

    protected override Point Reference(double[] x)
    {
        double logRatio = x[0] - x[1], ratio = Math.Exp(logRatio), d = x[2] - x[0], k3 = Math.Exp(d) - 1 - d, a = x[3];
        double bounded = Math.Min(ratio, Delta);
        double loss = -Math.Min(bounded * a, Math.Clamp(bounded, 1 - (double)Low, 1 + (double)High) * a) + Beta * k3;
        bool low = a < 0 && ratio < 1 - (double)Low, high = a > 0 && ratio > 1 + (double)High;
        double gradient = (low || high || ratio > Delta ? 0 : -a * ratio) + Beta * (1 - Math.Exp(d));
        return new Point(loss, [gradient],
            [low ? 1 : 0, high ? 1 : 0, -logRatio, ratio - 1 - logRatio, ratio, k3]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.GrpoLoss(inputs[0], inputs[1], inputs[2], inputs[3], weights, losses, gradients[0], statistics, Low, High, Delta,
            Beta);

    protected override InvariantOpTests WithThreads(int count) => new GrpoLossTests(count);
}
