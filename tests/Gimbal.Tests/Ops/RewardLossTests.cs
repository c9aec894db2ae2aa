using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class RewardLossTests : PointwiseLossTests
{
    private const float Center = 0.01f;

    public RewardLossTests() : base(1) { }

    private RewardLossTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(1e4f, 0f)]
    [InlineData(-1e4f, 0f)]
    [InlineData(3f, 4f)]
    public void ExtremeScoresAreFinite(float chosen, float rejected)
    {
        Tensor losses = Output([1]), dchosen = Output([1]), drejected = Output([1]);
        Ops.RewardLoss(From(chosen), From(rejected), default, default, losses, dchosen, drejected, default);
        double z = (double)chosen - rejected, loss = z < 0 ? -z + Math.Log(1 + Math.Exp(z)) : Math.Log(1 + Math.Exp(-z));
        Assert.Equal(loss, losses.ToArray<float>()[0], 1e-6 * (1 + loss));
        Assert.Equal(-1 / (1 + Math.Exp(z)), dchosen.ToArray<float>()[0], 1e-6);
        Assert.Equal(-dchosen.ToArray<float>()[0], drejected.ToArray<float>()[0]);
    }

    [Fact]
    public void NamesTheScalarThatIsWrong() => AssertInvalid("center",
        () => Ops.RewardLoss(From(0f), From(0f), default, default, default, default, default, default, float.NaN));

    protected override float[][] Inputs(int count, int seed) =>
        [.. Enumerable.Range(0, 3).Select(k => Normal(count, seed + 100 * k, scale: 2))];

    protected override Point Reference(double[] x)
    {
        double z = x[0] - x[1] - x[2], sum = x[0] + x[1], slope = 1 / (1 + Math.Exp(z));
        double loss = (z > 0 ? Math.Log(1 + Math.Exp(-z)) : Math.Log(1 + Math.Exp(z)) - z) + Center * sum * sum;
        return new Point(loss, [-slope + 2 * Center * sum, slope + 2 * Center * sum], [x[0], x[1], x[0] > x[1] ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.RewardLoss(inputs[0], inputs[1], inputs[2], weights, losses, gradients[0], gradients[1], statistics, Center);

    protected override InvariantOpTests WithThreads(int count) => new RewardLossTests(count);
}
