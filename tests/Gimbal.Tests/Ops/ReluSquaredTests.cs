using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ReluSquaredTests : InvariantOpTests
{
    public ReluSquaredTests() : base(1) { }

    private ReluSquaredTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheFormulaAndItsDerivative(int count)
    {
        float[] x = Normal(count, seed: 1, scale: 2), dy = Normal(count, seed: 2);
        Tensor y = Output([count]), dx = Output([count]);
        Ops.ReluSquared(From(x), y);
        Ops.ReluSquaredBackward(From(dy), From(x), dx);
        double[] slopes = [.. x.Zip(dy, (v, g) => g * 2.0 * Math.Max(0, v))];
        AssertIsGradient(input => input.Zip(dy, (v, g) => g * Math.Pow(Math.Max(0, v), 2)).Sum(), Wide(x), slopes);
        AssertClose([.. x.Select(v => Math.Pow(Math.Max(0.0, v), 2))], y.ToArray<float>(), relative: 1e-7, absolute: 0);
        AssertClose(slopes, dx.ToArray<float>(), relative: 1e-7, absolute: 0);
    }

    [Fact]
    public void ExtremesAndNaN()
    {
        Tensor y = Output([4]);
        Ops.ReluSquared(From(float.NaN, float.NegativeInfinity, 1e30f, -0f), y);
        Assert.Equal([float.NaN, 0, float.PositiveInfinity, 0], y.ToArray<float>());
    }

    protected override float[] Compute()
    {
        Tensor x = Place(Normal(LargeCount, seed: 4), [LargeCount]), y = Output([LargeCount]), dx = Output([LargeCount]);
        Ops.ReluSquared(x, y);
        Ops.ReluSquaredBackward(Place(Normal(LargeCount, seed: 5), [LargeCount]), x, dx);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new ReluSquaredTests(count);
}
