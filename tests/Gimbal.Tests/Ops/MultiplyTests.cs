using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class MultiplyTests : InvariantOpTests
{
    public MultiplyTests() : base(1) { }

    private MultiplyTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheProduct(int count)
    {
        float[] a = Normal(count, seed: 1), b = Normal(count, seed: 2);
        Tensor y = From(a);
        Ops.Multiply(y, From(b), y);
        AssertSameBits([.. a.Zip(b, (x, w) => x * w)], y.ToArray<float>());
    }

    [Fact]
    public void ZeroLeavesNoTrace()
    {
        Tensor y = Output([3]);
        Ops.Multiply(From(float.NaN, float.PositiveInfinity, 2f), From(0f, 0f, 3f), y);
        AssertSameBits([0, 0, 6], y.ToArray<float>());
    }

    protected override float[] Compute()
    {
        Tensor y = Output([LargeCount]);
        Ops.Multiply(Place(Normal(LargeCount, seed: 3), [LargeCount]), Place(Normal(LargeCount, seed: 4), [LargeCount]), y);
        return y.ToArray<float>();
    }

    protected override InvariantOpTests WithThreads(int count) => new MultiplyTests(count);
}
