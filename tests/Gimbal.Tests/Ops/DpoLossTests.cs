using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class DpoLossTests : PointwiseLossTests
{
    private const float Beta = 0.7f, Smoothing = 0.1f;

    public DpoLossTests() : base(1) { }

    private DpoLossTests(int threads) : base(threads) { }

    [Fact]
    public void AtTheReferenceTheLossIsLnTwo()
    {
        float[] chosen = Normal(100, seed: 1, scale: 50), rejected = Normal(100, seed: 2, scale: 50);
        Tensor losses = Output([100]), dchosen = Output([100]), drejected = Output([100]);
        Ops.DpoLoss(From(chosen), From(rejected), From(chosen), From(rejected), default, losses, dchosen, drejected, default,
            beta: 0.1f);
        Assert.All(losses.ToArray<float>(), v => Assert.Equal(Math.Log(2), v, 1e-7));
        Assert.All(dchosen.ToArray<float>(), v => Assert.Equal(-0.05f, v));
        Assert.All(drejected.ToArray<float>(), v => Assert.Equal(0.05f, v));
    }

    [Theory]
    [InlineData(1e4f, 0.0, 0.0)]
    [InlineData(-1e4f, 1e4, -1.0)]
    [InlineData(30f, 9.3576e-14, -9.3576e-14)]
    public void ExtremeMarginsAreFinite(float margin, double loss, double gradient)
    {
        Tensor losses = Output([1]), dchosen = Output([1]), drejected = Output([1]);
        Ops.DpoLoss(From(margin), From(0f), default, default, default, losses, dchosen, drejected, default, beta: 1);
        Assert.Equal(loss, losses.ToArray<float>()[0], 1e-4 * Math.Abs(loss));
        Assert.Equal(gradient, dchosen.ToArray<float>()[0], 1e-4 * Math.Abs(gradient));
        Assert.Equal(-dchosen.ToArray<float>()[0], drejected.ToArray<float>()[0]);
    }

    [Fact]
    public void TheReferencesComeTogether()
    {
        AssertInvalid("ref_rejected",
            () => Ops.DpoLoss(From(0f), From(0f), From(0f), default, default, default, default, default, default, 1));
        AssertInvalid("ref_chosen",
            () => Ops.DpoLoss(From(0f), From(0f), default, From(0f), default, default, default, default, default, 1));
        AssertInvalid("label_smoothing",
            () => Ops.DpoLoss(From(0f), From(0f), default, default, default, default, default, default, default, 1, 1.5f));
    }

    protected override float[][] Inputs(int count, int seed) =>
        [.. Enumerable.Range(0, 4).Select(k => Normal(count, seed + 100 * k, scale: 3))];

    protected override Point Reference(double[] x)
    {
        double chosen = x[0] - x[2], rejected = x[1] - x[3], z = Beta * (chosen - rejected), s = Smoothing;
        double LogSigmoid(double v) => v > 0 ? -Math.Log(1 + Math.Exp(-v)) : v - Math.Log(1 + Math.Exp(v));
        double slope = Beta * (-(1 - s) / (1 + Math.Exp(z)) + s / (1 + Math.Exp(-z)));
        return new Point(-(1 - s) * LogSigmoid(z) - s * LogSigmoid(-z), [slope, -slope],
            [Beta * chosen, Beta * rejected, chosen > rejected ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.DpoLoss(inputs[0], inputs[1], inputs[2], inputs[3], weights, losses, gradients[0], gradients[1], statistics, Beta,
            Smoothing);

    protected override InvariantOpTests WithThreads(int count) => new DpoLossTests(count);
}
