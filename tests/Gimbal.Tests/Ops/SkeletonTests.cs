using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SkeletonTests : OpTests
{
    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheProduct(int count)
    {
        float[] x = Normal(count, seed: 1);
        Tensor y = Empty([count]);
        Ops.Skeleton(From(x), y, 3.5f);
        AssertSameBits([.. x.Select(v => 3.5f * v)], y.ToArray<float>());
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void BackwardIsTheProduct(int count)
    {
        float[] dy = Normal(count, seed: 2);
        Tensor gradient = From(dy);
        Ops.SkeletonBackward(gradient, gradient, -0.25f);
        AssertSameBits([.. dy.Select(v => -0.25f * v)], gradient.ToArray<float>());
    }

    [Fact]
    public void AlignmentDoesNotChangeBits()
    {
        float[] x = Normal(1000, seed: 3);
        Tensor y = Empty([1000]), shifted = Unaligned(new float[1000], [1000]);
        Ops.Skeleton(From(x), y, 1.7f);
        Ops.Skeleton(Unaligned(x, [1000]), shifted, 1.7f);
        AssertSameBits(y.ToArray<float>(), shifted.ToArray<float>());
    }

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Ops.Skeleton(Empty([3]), Empty([4]), 1));
        Assert.Contains("y: wanted a dense Float32 (3), got Float32 (4)", error.Message, StringComparison.Ordinal);
    }
    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new SkeletonTests(), tests => tests.Compute());

    private float[] Compute()
    {
        Tensor y = Empty([33]);
        Ops.Skeleton(From(Normal(33, seed: 4)), y, 1.7f);
        return y.ToArray<float>();
    }
}
