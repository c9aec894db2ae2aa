using System.Runtime.InteropServices;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GradNormTests : InvariantOpTests
{
    public GradNormTests() : base(1) { }

    private GradNormTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    [InlineData(5_000_011)]
    public void IsTheRootOfTheSumOfSquares(int count)
    {
        float[] x = Normal(count, seed: 1);
        double norm = Math.Sqrt(x.Sum(v => (double)v * v));
        (float got, float coefficient) = Run(From(x, [count]), (float)(norm / 3));
        AssertClose([norm], [got], relative: 6e-8, absolute: 0);
        AssertClose([(float)(norm / 3) / (norm + 1e-6)], [coefficient], relative: 6e-8, absolute: 0);
        Assert.Equal(1, Run(From(x, [count]), (float)(norm * 1.001)).Coefficient);
        Assert.Equal(1, Run(From(x, [count]), 0).Coefficient);
    }

    // The values of torch.nn.utils.clip_grad_norm_.
    [Theory]
    [InlineData(0f, 0f, 1f)]
    [InlineData(3e38f, float.PositiveInfinity, 1.6666667e-39f)]
    [InlineData(1e30f, 2e30f, 5e-31f)]
    [InlineData(1e-30f, 2e-30f, 1f)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity, 0f)]
    [InlineData(float.NaN, float.NaN, float.NaN)]
    public void HoldsAtExtremes(float value, float norm, float coefficient)
    {
        (float got, float clip) = Run(From(value, value, value, value), 1);
        AssertClose([norm], [got], relative: 1e-6, absolute: 0);
        AssertClose([coefficient], [clip], relative: 1e-5, absolute: 0);
    }

    [Fact]
    public void AnEmptyGradientHasNormZero() => Assert.Equal((0, 1), Run(Empty([0]), 1));

    [Fact]
    public void NamesWhatIsWrong()
    {
        AssertInvalid("max_norm: wanted a number", () => Run(Empty([3]), float.NaN));
        Assert.Contains("state: wanted 40 dense elements of UInt8", Assert.Throws<ArgumentException>(
            () => Ops.GradNorm(Empty([3]), Empty([3]), 1)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        (float norm, float coefficient) = Run(Place(Normal(300_007, seed: 2), [300_007]), 2);
        return [norm, coefficient];
    }

    protected override InvariantOpTests WithThreads(int count) => new GradNormTests(count);

    private (float Norm, float Coefficient) Run(Tensor gradients, float maxNorm)
    {
        Tensor state = Zeros([Marshal.SizeOf<StepState>()], DType.UInt8);
        Ops.GradNorm(gradients, state, maxNorm);
        StepState after = MemoryMarshal.Read<StepState>(state.ToArray<byte>());
        return (after.GradientNorm, after.ClipCoefficient);
    }
}
