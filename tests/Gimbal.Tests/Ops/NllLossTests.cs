using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class NllLossTests : PointwiseLossTests
{
    private float power;

    public NllLossTests() : base(1) { }

    private NllLossTests(int threads) : base(threads) { }

    // The factor counts as a constant, so that the gradient is not the derivative of the loss.
    [Theory]
    [InlineData(1f)]
    [InlineData(0.5f)]
    public void APowerOfTheProbabilityMultiplies(float power)
    {
        this.power = power;
        IsTheFormula(513);
    }

    [Fact]
    public void AnImpossibleTokenHasNoDynamicLoss()
    {
        power = 1;
        Result result = Run([[-1e4f]], null);
        Assert.Equal(0, result.Losses[0]);
        Assert.Equal(0, result.Gradients[0][0]);
    }

    protected override float[][] Inputs(int count, int seed) => [[.. Normal(count, seed, scale: 3).Select(v => -Math.Abs(v))]];

    protected override Point Reference(double[] x)
    {
        double factor = Math.Exp(power * x[0]);
        return new Point(-factor * x[0], [-factor], []);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.NllLoss(inputs[0], weights, losses, gradients[0], statistics, power);

    protected override InvariantOpTests WithThreads(int count) => new NllLossTests(count);
}
