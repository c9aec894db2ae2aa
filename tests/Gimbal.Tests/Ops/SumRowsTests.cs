using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SumRowsTests : OpTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 9)]
    [InlineData(33, 63)]
    [InlineData(8, 64)]
    [InlineData(513, 65)]
    [InlineData(31, 8003)]
    [InlineData(8003, 31)]
    [InlineData(0, 17)]
    public void AddsRowsInOrder(int rows, int width)
    {
        float[] x = Normal(rows * width, seed: 1), expected = new float[width], start = Normal(width, seed: 2);
        for (int r = 0; r < rows; r++)
        {
            for (int j = 0; j < width; j++)
            {
                expected[j] += x[r * width + j];
            }
        }

        Tensor y = From(start);
        Ops.SumRows(From(x, [rows, width]), y, accumulate: true);
        AssertSameBits([.. start.Select((v, j) => v + expected[j])], y.ToArray<float>());
        Ops.SumRows(From(x, [rows, width]), y);
        AssertSameBits(expected, y.ToArray<float>());
    }

    [Fact]
    public void IsCloseToTheSumInDouble()
    {
        const int Rows = 2000, Width = 33;
        float[] x = Normal(Rows * Width, seed: 3);
        double[] reference = new double[Width];
        for (int i = 0; i < x.Length; i++)
        {
            reference[i % Width] += x[i];
        }

        Tensor y = Empty([Width]);
        Ops.SumRows(From(x, [Rows, Width]), y);
        AssertClose(reference, y.ToArray<float>(), 0, 5e-4); // measured: 1.9e-4, sums of up to 100
    }

    [Fact]
    public void StridesAndThreadsDoNotChangeBits()
    {
        const int Rows = 300, Width = 700;
        Tensor wide = From(Normal(Rows * (Width + 9), seed: 4), [Rows, Width + 9]), y = Empty([Width]);
        Ops.SumRows(wide.Columns(4, Width), y);
        foreach (int threads in (int[])[2, 3, 5])
        {
            using Device device = TestDevice.Open(threads);
            using Arena arena = new(device, 4 << 20);
            Tensor x = arena.Allocate(DType.Float32, [Rows, Width + 9]), other = arena.Allocate(DType.Float32, [Width]);
            x.CopyFrom<float>(wide.ToArray<float>());
            Ops.SumRows(x.Columns(4, Width), other);
            AssertSameBits(y.ToArray<float>(), other.ToArray<float>());
        }
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new SumRowsTests(), tests => tests.Compute());

    private float[] Compute()
    {
        Tensor y = Empty([133]);
        Ops.SumRows(From(Normal(50 * 133, seed: 5), [50, 133]), y);
        return y.ToArray<float>();
    }
}
