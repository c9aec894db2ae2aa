using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class RmsnormTests : InvariantOpTests
{
    private const float Epsilon = 1e-5f;

    public RmsnormTests() : base(1) { }

    private RmsnormTests(int threads) : base(threads) { }

    public static TheoryData<int, int> Shapes { get; } = new()
    {
        { 1, 1 }, { 9, 7 }, { 8, 31 }, { 5, 32 }, { 33, 33 }, { 3, 513 }, { 2, 8003 }, { 8003, 9 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int width)
    {
        float[] x = Normal(rows * width, seed: 1), weight = Normal(width, seed: 2);
        Tensor y = Output([rows, width]), rstd = Output([rows]);
        Ops.Rmsnorm(From(x, [rows, width]), From(weight), y, rstd, Epsilon);
        (double[] expected, double[] scale) = Forward(Wide(x), Wide(weight), width);
        AssertClose(scale, rstd.ToArray<float>(), relative: 3e-7, absolute: 0);
        AssertClose(expected, y.ToArray<float>(), relative: 4e-7, absolute: 0);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BackwardIsTheFormula(int rows, int width)
    {
        float[] dy = Normal(rows * width, seed: 3), x = Normal(rows * width, seed: 4), weight = Normal(width, seed: 5);
        (double[] dx, double[] dweight) = Backward(Wide(dy), Wide(x), Wide(weight), width);
        double Loss(double[] input, double[] w) => Forward(input, w, width).Y.Zip(dy, (y, g) => y * g).Sum();
        AssertIsGradient(input => Loss(input, Wide(weight)), Wide(x), dx);
        AssertIsGradient(w => Loss(Wide(x), w), Wide(weight), dweight);

        Tensor input = From(x, [rows, width]), w = From(weight), g = From(dy, [rows, width]);
        Tensor rstd = Output([rows]), dinput = Output([rows, width]), dw = From(weight);
        Ops.Rmsnorm(input, w, Output([rows, width]), rstd, Epsilon);
        Ops.RmsnormBackward(g, input, w, rstd, dinput, dw);
        // The terms of a row may cancel (at width 1 all of dx does); a column's sum grows with the root of the rows.
        double[] scale = Forward(Wide(x), Wide(weight), width).Rstd;
        double size = dx.Select((_, i) => Math.Abs(scale[i / width] * dy[i] * weight[i % width])).Max();
        AssertClose(dx, dinput.ToArray<float>(), relative: 1e-6, absolute: 1e-6 * size);
        AssertClose([.. dweight.Zip(weight, (d, start) => d + start)], dw.ToArray<float>(), relative: 1e-6,
            absolute: 1e-6 * Math.Sqrt(rows) * Math.Log2(2 + rows));
    }

    [Fact]
    public void BackwardAddsIfTold()
    {
        Tensor x = From(Normal(66, seed: 6), [2, 33]), dy = From(Normal(66, seed: 7), [2, 33]), w = From(Normal(33, seed: 8));
        Tensor rstd = Output([2]), written = Output([2, 33]), added = From(Normal(66, seed: 9), [2, 33]);
        Ops.Rmsnorm(x, w, Output([2, 33]), rstd, Epsilon);
        Ops.RmsnormBackward(dy, x, w, rstd, written, default);
        float[] before = added.ToArray<float>();
        Ops.RmsnormBackward(dy, x, w, rstd, added, default, accumulate: true);
        AssertSameBits([.. before.Zip(written.ToArray<float>(), (a, b) => a + b)], added.ToArray<float>());
    }

    [Fact]
    public void ARowAloneHasItsBitsInABatch()
    {
        const int Rows = 19, Width = 513;
        Tensor x = From(Normal(Rows * Width, seed: 10), [Rows, Width]), w = From(Normal(Width, seed: 11));
        Tensor y = Output([Rows, Width]);
        Ops.Rmsnorm(x, w, y, default, Epsilon);
        for (int r = 0; r < Rows; r++)
        {
            Tensor alone = Output([1, Width]);
            Ops.Rmsnorm(x.RowRange(r, 1), w, alone, default, Epsilon);
            AssertSameBits(alone.ToArray<float>(), y.RowRange(r, 1).ToArray<float>());
        }
    }

    [Fact]
    public void TheWeightGradientOfTwoHalvesIsThatOfTheWhole()
    {
        const int Rows = 41, Width = 130;
        Tensor x = From(Normal(Rows * Width, seed: 12), [Rows, Width]), dy = From(Normal(Rows * Width, seed: 13), [Rows, Width]);
        Tensor w = From(Normal(Width, seed: 14)), rstd = Output([Rows]), dx = Output([Rows, Width]);
        Ops.Rmsnorm(x, w, Output([Rows, Width]), rstd, Epsilon);
        Tensor whole = Zeros([Width]), halves = Zeros([Width]);
        Ops.RmsnormBackward(dy, x, w, rstd, dx, whole);
        foreach ((int start, int count) in new[] { (0, 20), (20, 21) })
        {
            Ops.RmsnormBackward(dy.RowRange(start, count), x.RowRange(start, count), w, rstd.RowRange(start, count),
                dx.RowRange(start, count), halves);
        }

        AssertSameBits(whole.ToArray<float>(), halves.ToArray<float>());
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1e4f)]
    [InlineData(-1e-20f)]
    public void HoldsAtExtremes(float value)
    {
        Tensor y = Output([1, 9]);
        Ops.Rmsnorm(From([.. Enumerable.Repeat(value, 9)], [1, 9]), From([.. Enumerable.Repeat(1f, 9)]), y, default, Epsilon);
        double expected = value / Math.Sqrt((double)value * value + Epsilon);
        AssertClose([.. Enumerable.Repeat(expected, 9)], y.ToArray<float>(), relative: 4e-7, absolute: 0);
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([2, 3]), w = Empty([3]), whole = Empty([2, 3], DType.Int32);
        AssertUnsupported("x_dtype: wanted float32 or bfloat16, got int32", () => Ops.Rmsnorm(whole, w, x, default, Epsilon));
        AssertUnsupported("y_dtype", () => Ops.Rmsnorm(x, w, whole, default, Epsilon));
        AssertUnsupported("weight_dtype", () => Ops.Rmsnorm(x, Empty([3], DType.Int32), x, default, Epsilon));
        AssertInvalid("epsilon: wanted 0 to 1e38, got -1", () => Ops.Rmsnorm(x, w, Empty([2, 3]), default, -1));
        Assert.Contains("weight: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Rmsnorm(x, Empty([4]), x, default, Epsilon)).Message, StringComparison.Ordinal);
    }

    /// <summary>Past 128 rows a GPU adds them in pieces, see kernels/common/column_sum_plan.h.</summary>
    [Fact]
    public void TheWeightGradientOfManyRowsAgreesBetweenDevices() => AssertDevicesAgree(() => new RmsnormTests(), tests =>
    {
        const int Rows = 700, Width = 130;
        Tensor x = tests.From(Normal(Rows * Width, seed: 15), [Rows, Width]), w = tests.From(Normal(Width, seed: 16));
        Tensor rstd = tests.Output([Rows]), dweight = tests.From([.. Enumerable.Repeat(100f, Width)]);
        Tensor dy = tests.From(Normal(Rows * Width, seed: 17), [Rows, Width]);
        Ops.Rmsnorm(x, w, tests.Output([Rows, Width]), rstd, Epsilon);
        Ops.RmsnormBackward(dy, x, w, rstd, tests.Output([Rows, Width]), dweight);
        return dweight.ToArray<float>();
    }, tolerance: 3e-6f); // measured: 2.2e-6

    protected override float[] Compute()
    {
        const int Rows = 79, Width = 519;
        Tensor x = Place(Normal(Rows * Width, seed: 15), [Rows, Width]), w = Place(Normal(Width, seed: 16), [Width]);
        Tensor y = Output([Rows, Width]), rstd = Output([Rows]), dx = Output([Rows, Width]);
        Tensor dweight = Place(new float[Width], [Width]);
        Ops.Rmsnorm(x, w, y, rstd, Epsilon);
        Ops.RmsnormBackward(Place(Normal(Rows * Width, seed: 17), [Rows, Width]), x, w, rstd, dx, dweight);
        return [.. y.ToArray<float>(), .. rstd.ToArray<float>(), .. dx.ToArray<float>(), .. dweight.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new RmsnormTests(count);

    private static (double[] Y, double[] Rstd) Forward(double[] x, double[] weight, int width)
    {
        double[] rstd = [.. x.Chunk(width).Select(row => 1 / Math.Sqrt(row.Sum(v => v * v) / width + Epsilon))];
        return ([.. x.Select((v, i) => v * rstd[i / width] * weight[i % width])], rstd);
    }

    private static (double[] Dx, double[] Dweight) Backward(double[] dy, double[] x, double[] weight, int width)
    {
        double[] rstd = Forward(x, weight, width).Rstd, dx = new double[x.Length], dweight = new double[width];
        for (int r = 0; r < rstd.Length; r++)
        {
            double mean = 0;
            for (int j = 0, i = r * width; j < width; j++, i++)
            {
                mean += dy[i] * weight[j] * x[i] * rstd[r] / width;
                dweight[j] += dy[i] * x[i] * rstd[r];
            }

            for (int j = 0, i = r * width; j < width; j++, i++)
            {
                dx[i] = rstd[r] * (dy[i] * weight[j] - x[i] * rstd[r] * mean);
            }
        }

        return (dx, dweight);
    }
}
