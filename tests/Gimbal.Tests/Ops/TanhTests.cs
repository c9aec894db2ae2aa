using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class TanhTests : InvariantOpTests
{
    public TanhTests() : base(1) { }

    private TanhTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheHyperbolicTangent(int count)
    {
        float[] x = Normal(count, seed: 1, scale: 2);
        Tensor y = Output([count]);
        Ops.Tanh(From(x), y);
        AssertClose([.. x.Select(v => Math.Tanh(v))], y.ToArray<float>(), relative: 2.4e-7, absolute: 0);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void BackwardIsTheFormula(int count)
    {
        float[] x = Normal(count, seed: 2, scale: 2), dy = Normal(count, seed: 3);
        AssertIsGradient(input => input.Zip(dy, (v, g) => g * Math.Tanh(v)).Sum(), Wide(x),
            [.. x.Zip(dy, (v, g) => g * (1 - Math.Tanh(v) * Math.Tanh(v)))]);
        Tensor y = Output([count]), dx = From(dy);
        Ops.Tanh(From(x), y);
        Ops.TanhBackward(dx, y, dx);
        AssertClose([.. Wide(y).Zip(dy, (v, g) => g * (1 - v * v))], dx.ToArray<float>(), relative: 2e-7, absolute: 0);
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor whole = Empty([3], DType.Int32);
        AssertUnsupported("dtype: wanted float32 or bfloat16, got int32", () => Ops.Tanh(whole, whole));
        AssertUnsupported("dtype", () => Ops.TanhBackward(whole, whole, whole));
        Assert.Contains("y: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Tanh(Empty([3]), Empty([4]))).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        Tensor y = Output([LargeCount]), dx = Output([LargeCount]);
        Ops.Tanh(Place(Normal(LargeCount, seed: 4, scale: 3), [LargeCount]), y);
        Ops.TanhBackward(Place(Normal(LargeCount, seed: 5), [LargeCount]), y, dx);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new TanhTests(count);
}
