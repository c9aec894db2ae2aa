using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SoftcapTests : InvariantOpTests
{
    private const float Factor = 1.5f, Cap = 4;

    public SoftcapTests() : base(1) { }

    private SoftcapTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheFormulaAndItsDerivative(int count)
    {
        float[] x = Normal(count, seed: 1, scale: 3), dy = Normal(count, seed: 2);
        Tensor y = Output([count]), dx = Output([count]);
        Ops.Softcap(From(x), y, Factor, Cap);
        AssertClose([.. x.Select(v => Cap * Math.Tanh(Factor * (double)v / Cap))], y.ToArray<float>(), relative: 4e-7, absolute: 0);
        double[] slopes = [.. x.Select(v => Factor * (1 - Math.Pow(Math.Tanh(Factor * (double)v / Cap), 2)))];
        AssertIsGradient(input => input.Zip(dy, (v, g) => g * Cap * Math.Tanh(Factor * v / Cap)).Sum(), Wide(x),
            [.. slopes.Zip(dy, (s, g) => s * g)]);
        Ops.SoftcapBackward(From(dy), y, dx, Factor, Cap);
        // 1 - t^2 near |t| = 1 amplifies the rounding of y.
        AssertClose([.. slopes.Zip(dy, (s, g) => s * g)], dx.ToArray<float>(), relative: 1e-6, absolute: 1e-6);
    }

    [Fact]
    public void WithoutACapItScales()
    {
        Tensor x = From(1f, -2f, 3f);
        Ops.Softcap(x, x, 2, 0);
        AssertSameBits([2, -4, 6], x.ToArray<float>());
        Ops.SoftcapBackward(x, default, x, 0.5f, 0);
        AssertSameBits([1, -2, 3], x.ToArray<float>());
    }

    [Fact]
    public void ExtremesReachTheCap()
    {
        Tensor y = Output([4]);
        Ops.Softcap(From(1e30f, -1e30f, float.NegativeInfinity, 0f), y, 1, Cap);
        AssertSameBits([Cap, -Cap, -Cap, 0], y.ToArray<float>());
    }

    protected override float[] Compute()
    {
        Tensor y = Output([LargeCount]), dx = Output([LargeCount]);
        Ops.Softcap(Place(Normal(LargeCount, seed: 4, scale: 3), [LargeCount]), y, Factor, Cap);
        Ops.SoftcapBackward(Place(Normal(LargeCount, seed: 5), [LargeCount]), y, dx, Factor, Cap);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new SoftcapTests(count);
}
