using System.Runtime.InteropServices;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GradMaxTests : InvariantOpTests
{
    public GradMaxTests() : base(1) { }

    private GradMaxTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    [InlineData(1_000_003)]
    public void IsTheLargestSize(int count)
    {
        float[] x = Normal(count, seed: 3);
        float most = x.Max(Math.Abs);
        Assert.Equal((most, 1f), Run(From(x), 2 * most));
        Assert.Equal(most / 2 / (most + 1e-6f), Run(From(x), most / 2).Coefficient, 1e-6f);
        Assert.Equal(1, Run(From(x), 0).Coefficient);
        x[count / 2] = float.NaN;
        Assert.Equal((float.NaN, float.NaN), Run(From(x), 1));
    }

    [Fact]
    public void AnInfiniteGradientHasCoefficientZero() =>
        Assert.Equal((float.PositiveInfinity, 0f), Run(From(1f, float.NegativeInfinity), 1));

    protected override float[] Compute()
    {
        (float norm, float coefficient) = Run(Place(Normal(300_007, seed: 2), [300_007]), 2);
        return [norm, coefficient];
    }

    protected override InvariantOpTests WithThreads(int count) => new GradMaxTests(count);

    private (float Norm, float Coefficient) Run(Tensor gradients, float maxNorm)
    {
        Tensor state = Zeros([Marshal.SizeOf<StepState>()], DType.UInt8);
        Ops.GradMax(gradients, state, maxNorm);
        StepState after = MemoryMarshal.Read<StepState>(state.ToArray<byte>());
        return (after.GradientNorm, after.ClipCoefficient);
    }
}
