using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class MatmulPackedTests : OpTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 200, 600)]
    [InlineData(2, 33, 288)]
    [InlineData(3, 65, 512)]
    [InlineData(4, 64, 1025)]
    [InlineData(13, 47, 1537)]
    [InlineData(64, 31, 33)]
    [InlineData(250, 129, 520)]
    [InlineData(3, 5, 0)]
    public void HasTheBitsOfMatmul(int m, int n, int k)
    {
        Tensor a = From(Normal(m * k, seed: 1), [m, k]), b = From(Normal(k * n, seed: 2), [k, n]);
        Tensor bias = From(Normal(n, seed: 3)), expected = Empty([m, n]), actual = Empty([m, n]);
        using PackedMatrix packed = new(Device, n, k);
        packed.Update(b, transposed: false, version: 1);
        Ops.Matmul(a, b, bias, expected);
        Ops.MatmulPacked(a, packed, bias, actual);
        AssertSameBits(expected.ToArray<float>(), actual.ToArray<float>());

        Ops.Matmul(a, b, default, expected, accumulate: true);
        Ops.MatmulPacked(a, packed, default, actual, accumulate: true);
        AssertSameBits(expected.ToArray<float>(), actual.ToArray<float>());
    }

    [Fact]
    public void PacksTransposedAndStridedWeights()
    {
        Tensor a = From(Normal(6 * 40, seed: 4), [6, 40]), wide = From(Normal(70 * 50, seed: 5), [70, 50]);
        Tensor weight = wide.Columns(7, 40), expected = Empty([6, 70]), actual = Empty([6, 70]);
        using PackedMatrix packed = new(Device, n: 70, k: 40);
        packed.Update(weight, transposed: true, version: 1);
        Ops.Matmul(a, weight, default, expected, transB: true);
        Ops.MatmulPacked(a, packed, default, actual);
        AssertSameBits(expected.ToArray<float>(), actual.ToArray<float>());
    }

    [Fact]
    public void PacksAgainOnlyForAnotherVersion()
    {
        Assert.SkipUnless(TestDevice.IsCpu, "a CUDA device reads the matrix where it lies");
        Tensor a = From(Normal(5, seed: 6), [1, 5]), first = From(Normal(15, seed: 7), [5, 3]);
        Tensor second = From(Normal(15, seed: 8), [5, 3]), c = Empty([1, 3]);
        using PackedMatrix packed = new(Device, n: 3, k: 5);
        packed.Update(first, transposed: false, version: 0);
        Ops.MatmulPacked(a, packed, default, c);
        float[] before = c.ToArray<float>();
        packed.Update(second, transposed: false, version: 0);
        Ops.MatmulPacked(a, packed, default, c);
        AssertSameBits(before, c.ToArray<float>());

        packed.Update(second, transposed: false, version: 1);
        Ops.MatmulPacked(a, packed, default, c);
        Tensor expected = Empty([1, 3]);
        Ops.Matmul(a, second, default, expected);
        AssertSameBits(expected.ToArray<float>(), c.ToArray<float>());
    }

    [Fact]
    public void AnEmptyPackIsRefused()
    {
        using PackedMatrix packed = new(Device, n: 3, k: 5);
        DeviceException error = Assert.Throws<DeviceException>(() =>
            Ops.MatmulPacked(Empty([1, 5]), packed, default, Empty([1, 3])));
        Assert.Contains("gb_packed_update", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SizesArePure()
    {
        Assert.Equal(4 * 512 * 48, PackedMatrix.BytesFor(n: 33, k: 512));
        Assert.Equal(0, PackedMatrix.BytesFor(n: 0, k: 512));
        using Device meta = Device.Open("meta");
        using Arena arena = new(meta, 0);
        using PackedMatrix packed = new(meta, n: 1 << 20, k: 1 << 20);
        packed.Update(arena.Allocate(DType.Float32, [1 << 20, 1 << 20]), transposed: true, version: 1);
        Ops.MatmulPacked(arena.Allocate(DType.Float32, [7, 1 << 20]), packed, default,
            arena.Allocate(DType.Float32, [7, 1 << 20]));
        Assert.Equal(1L << 42, packed.Bytes);
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new MatmulPackedTests(), tests => tests.Compute());

    private float[] Compute()
    {
        using PackedMatrix packed = new(Device, n: 100, k: 530);
        packed.Update(From(Normal(530 * 100, seed: 9), [530, 100]), transposed: false, version: 1);
        Tensor many = Empty([14, 100]), one = Empty([1, 100]);
        Tensor a = From(Normal(14 * 530, seed: 10), [14, 530]);
        Ops.MatmulPacked(a, packed, default, many);
        Ops.MatmulPacked(a.RowRange(13, 1), packed, default, one);
        AssertSameBits(many.ToArray<float>().AsSpan(1300), one.ToArray<float>());
        return many.ToArray<float>();
    }
}
