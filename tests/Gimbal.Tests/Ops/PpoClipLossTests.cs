using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class PpoClipLossTests : PointwiseLossTests
{
    private const float Low = 0.2f, High = 0.28f, Dual = 1.5f;

    public PpoClipLossTests() : base(1) { }

    private PpoClipLossTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1.0f, 0.3f, true)] // A > 0 and ratio above: clipped
    [InlineData(1.0f, -0.3f, false)]
    [InlineData(-1.0f, -0.3f, true)] // A < 0 and ratio below: clipped
    [InlineData(-1.0f, 0.3f, false)]
    [InlineData(1.0f, 0.0f, false)]
    [InlineData(0.0f, 0.3f, false)]
    public void AClippedTokenHasNoGradient(float advantage, float logRatio, bool clipped)
    {
        (float loss, float gradient, double[] statistics) = One(advantage, logRatio, dual: 0);
        double ratio = Math.Exp(logRatio);
        Assert.Equal(clipped ? 0 : -advantage * ratio, gradient, 1e-6);
        Assert.Equal(clipped ? -advantage * (logRatio > 0 ? 1.28 : 0.8) : -advantage * ratio, loss, 1e-6);
        Assert.Equal(clipped ? 1 : 0, statistics[3] + statistics[4]);
        Assert.Equal(clipped && advantage > 0 ? 1 : 0, statistics[4]);
    }

    [Theory]
    [InlineData(1.0f, 95.0f, -1.28f, 0.0f)]
    [InlineData(1.0f, 1e4f, -1.28f, 0.0f)]
    [InlineData(1.0f, -1e4f, 0.0f, 0.0f)]
    [InlineData(-1.0f, -1e4f, 0.8f, 0.0f)]
    [InlineData(-1.0f, 95.0f, float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(0.0f, 95.0f, 0.0f, 0.0f)]
    public void ExtremeRatiosAreNeverNaN(float advantage, float logRatio, float loss, float gradient)
    {
        (float actualLoss, float actualGradient, _) = One(advantage, logRatio, dual: 0);
        Assert.Equal(loss, actualLoss, 1e-6f);
        Assert.Equal(gradient, actualGradient);
    }

    [Fact]
    public void TheDualClipBoundsTheLossOfBadTokens()
    {
        Assert.Equal((6.0f, 0.0f), Rounded(One(-2, 95, dual: 3)));
        Assert.Equal((6.0f, 0.0f), Rounded(One(-2, 1.2f, dual: 3)));
        Assert.Equal(-(-2) * Math.Exp(1), One(-2, 1, dual: 3).Gradient, 1e-5);
        Assert.Equal(-1.28, One(1, 95, dual: 3).Loss, 1e-6);
    }

    [Fact]
    public void OnPolicyTheGradientIsMinusTheAdvantage()
    {
        float[] logprobs = Normal(100, seed: 1), advantages = Normal(100, seed: 2);
        Result result = Run([logprobs, logprobs, advantages], null);
        AssertSameBits([.. advantages.Select(a => a == 0 ? 0 : -a)], result.Gradients[0]);
        Assert.Equal([0, 0, 0, 0, 100], result.Statistics[3..]);
    }

    [Fact]
    public void NaNIsNotHidden()
    {
        Assert.True(float.IsNaN(One(1, float.NaN, dual: 0).Loss));
        Assert.True(float.IsNaN(One(float.NaN, 0, dual: 0).Loss));
    }

    [Theory]
    [InlineData(-0.1f, 0.2f, 0f, "clip_low")]
    [InlineData(0.2f, float.NaN, 0f, "clip_high")]
    [InlineData(0.2f, 0.2f, 0.5f, "dual_clip")]
    public void NamesTheScalarThatIsWrong(float low, float high, float dual, string name) => AssertInvalid(name,
        () => Ops.PpoClipLoss(From(0f), From(0f), From(0f), default, default, default, default, low, high, dual));

    protected override float[][] Inputs(int count, int seed)
    {
        float[] old = Normal(count, seed), change = Normal(count, seed + 100, scale: 0.5f);
        return [[.. old.Zip(change, (o, c) => o + c)], old, Normal(count, seed + 200)];
    }

    protected override Point Reference(double[] x)
    {
        double logRatio = x[0] - x[1], ratio = Math.Exp(logRatio), a = x[2];
        double loss = Math.Max(-a * ratio, -a * Math.Clamp(ratio, 1 - (double)Low, 1 + (double)High));
        bool low = a < 0 && ratio < 1 - (double)Low, high = a > 0 && ratio > 1 + (double)High, dual = a < 0 && ratio > Dual;
        loss = a < 0 ? Math.Min(loss, -a * Dual) : loss;
        return new Point(loss, [low || high || dual ? 0 : -a * ratio],
            [low ? 1 : 0, high ? 1 : 0, -logRatio, ratio - 1 - logRatio, ratio]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.PpoClipLoss(inputs[0], inputs[1], inputs[2], weights, losses, gradients[0], statistics, Low, High, Dual);

    protected override InvariantOpTests WithThreads(int count) => new PpoClipLossTests(count);

    private (float Loss, float Gradient, double[] Statistics) One(float advantage, float logRatio, float dual)
    {
        Tensor loss = Output([1]), gradient = Output([1]), statistics = Zeros([8], DType.Float64);
        Ops.PpoClipLoss(From(logRatio), From(0f), From(advantage), default, loss, gradient, statistics, Low, High, dual);
        return (loss.ToArray<float>()[0], gradient.ToArray<float>()[0], statistics.ToArray<double>());
    }

    private static (float Loss, float Gradient) Rounded((float Loss, float Gradient, double[]) one) => (one.Loss, one.Gradient);
}
