using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ClippedValueLossTests : PointwiseLossTests
{
    private const float Range = 0.3f;

    public ClippedValueLossTests() : base(1) { }

    private ClippedValueLossTests(int threads) : base(threads) { }

    [Fact]
    public void NeedsARange() => AssertInvalid("clip_range",
        () => Ops.ClippedValueLoss(From(0f), From(0f), From(0f), default, default, default, default, 0));

    protected override float[][] Inputs(int count, int seed)
    {
        float[] old = Normal(count, seed), change = Normal(count, seed + 100, scale: 0.5f);
        return [[.. old.Zip(change, (o, c) => o + c)], old, Normal(count, seed + 200)];
    }

    protected override Point Reference(double[] x)
    {
        double error = Math.Clamp(x[0], x[1] - (double)Range, x[1] + (double)Range) - x[2];
        bool clips = Math.Abs(x[0] - x[1]) > Range;
        return new Point(0.5 * error * error, [clips ? 0 : error], [clips ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.ClippedValueLoss(inputs[0], inputs[1], inputs[2], weights, losses, gradients[0], statistics, Range);

    protected override InvariantOpTests WithThreads(int count) => new ClippedValueLossTests(count);
}
