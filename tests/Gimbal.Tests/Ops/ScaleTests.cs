using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ScaleTests : InvariantOpTests
{
    public ScaleTests() : base(1) { }

    private ScaleTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheProduct(int count)
    {
        float[] x = Normal(count, seed: 1);
        Tensor y = From(x);
        Ops.Scale(y, -0.37f);
        AssertSameBits([.. x.Select(v => v * -0.37f)], y.ToArray<float>());
    }

    [Fact]
    public void NamesWhatIsWrong() => Assert.Contains("x: wanted 3 dense elements of Float32", Assert.Throws<ArgumentException>(
        () => Ops.Scale(Empty([3], DType.BFloat16), 2)).Message, StringComparison.Ordinal);

    protected override float[] Compute()
    {
        Tensor x = Place(Normal(LargeCount, seed: 2), [LargeCount]);
        Ops.Scale(x, 1.7f);
        return x.ToArray<float>();
    }

    protected override InvariantOpTests WithThreads(int count) => new ScaleTests(count);
}
