using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class AddTests : InvariantOpTests
{
    public AddTests() : base(1) { }

    private AddTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheSumAlsoInPlace(int count)
    {
        float[] a = Normal(count, seed: 1), b = Normal(count, seed: 2);
        float[] expected = [.. a.Zip(b, (v, w) => v + w)];
        Tensor left = From(a), right = From(b), y = Output([count]);
        Ops.Add(left, right, y);
        AssertSameBits(expected, y.ToArray<float>());
        Ops.Add(left, right, left);
        AssertSameBits(expected, left.ToArray<float>());
        Ops.Add(From(a), right, right);
        AssertSameBits(expected, right.ToArray<float>());
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([3]), whole = Empty([3], DType.Int32);
        AssertUnsupported("a_dtype", () => Ops.Add(whole, x, x));
        AssertUnsupported("b_dtype", () => Ops.Add(x, whole, x));
        AssertUnsupported("y_dtype", () => Ops.Add(x, x, whole));
        Assert.Contains("b: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Add(x, Empty([4]), x)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        Tensor y = Output([LargeCount]);
        Ops.Add(Place(Normal(LargeCount, seed: 3), [LargeCount]), Place(Normal(LargeCount, seed: 4), [LargeCount]), y);
        return y.ToArray<float>();
    }

    protected override InvariantOpTests WithThreads(int count) => new AddTests(count);
}
