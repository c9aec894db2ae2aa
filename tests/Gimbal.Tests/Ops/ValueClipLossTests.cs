using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ValueClipLossTests : PointwiseLossTests
{
    private const float Range = 0.3f;

    public ValueClipLossTests() : base(1) { }

    private ValueClipLossTests(int threads) : base(threads) { }

    [Fact]
    public void WithoutARangeItIsHalfTheSquare()
    {
        float[] values = Normal(100, seed: 1), targets = Normal(100, seed: 2);
        Tensor losses = Output([100]), gradients = Output([100]), statistics = Zeros([4], DType.Float64);
        Ops.ValueClipLoss(From(values), From(new float[100]), From(targets), default, losses, gradients, statistics);
        AssertSameBits([.. values.Zip(targets, (v, r) => v - r)], gradients.ToArray<float>());
        AssertClose([.. values.Zip(targets, (v, r) => 0.5 * (v - (double)r) * (v - (double)r))], losses.ToArray<float>(), 1e-6,
            1e-7);
        Assert.Equal(0, statistics.ToArray<double>()[3]);
    }

    [Theory]
    [InlineData(2.0f, 0.0f, 3.0f, true)] // towards the target, beyond the range: clipped is further away, no gradient
    [InlineData(-2.0f, 0.0f, 3.0f, false)] // away from the target: the clipped error is smaller
    [InlineData(0.1f, 0.0f, 3.0f, false)]
    public void TheLargerErrorCounts(float value, float old, float target, bool clipped)
    {
        Result result = Run([[value], [old], [target]], null);
        Assert.Equal(clipped ? 0 : value - target, result.Gradients[0][0], 1e-6f);
        double error = clipped ? old + Range - target : value - target;
        Assert.Equal(0.5 * error * error, result.Losses[0], 1e-5);
        Assert.Equal(clipped ? 1 : 0, result.Statistics[3]);
    }

    protected override float[][] Inputs(int count, int seed)
    {
        float[] old = Normal(count, seed), change = Normal(count, seed + 100, scale: 0.5f);
        return [[.. old.Zip(change, (o, c) => o + c)], old, Normal(count, seed + 200)];
    }

    protected override Point Reference(double[] x)
    {
        double error = x[0] - x[2], clipped = Math.Clamp(x[0], x[1] - (double)Range, x[1] + (double)Range) - x[2];
        bool clips = clipped * clipped > error * error;
        return new Point(0.5 * Math.Max(error * error, clipped * clipped), [clips ? 0 : error], [clips ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.ValueClipLoss(inputs[0], inputs[1], inputs[2], weights, losses, gradients[0], statistics, Range);

    protected override InvariantOpTests WithThreads(int count) => new ValueClipLossTests(count);
}
