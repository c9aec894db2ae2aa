using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class LayernormTests : InvariantOpTests
{
    private const float Epsilon = 1e-5f;

    public LayernormTests() : base(1) { }

    private LayernormTests(int threads) : base(threads) { }

    public static TheoryData<int, int> Shapes { get; } = new()
    {
        { 1, 1 }, { 9, 7 }, { 8, 31 }, { 5, 32 }, { 33, 33 }, { 3, 513 }, { 2, 8003 }, { 8003, 9 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int width)
    {
        float[] x = Normal(rows * width, seed: 1), weight = Normal(width, seed: 2), bias = Normal(width, seed: 3);
        Tensor input = From(x, [rows, width]), w = From(weight), y = Output([rows, width]);
        Tensor mean = Output([rows]), rstd = Output([rows]);
        Ops.Layernorm(input, w, From(bias), y, mean, rstd, Epsilon);
        (double[] expected, double[] centre, double[] scale) = Forward(Wide(x), Wide(weight), Wide(bias), width);
        AssertClose(centre, mean.ToArray<float>(), relative: 1e-6, absolute: 1e-6);
        AssertClose(scale, rstd.ToArray<float>(), relative: 2e-6, absolute: 0);
        AssertClose(expected, y.ToArray<float>(), relative: 2e-6, absolute: 2e-6);

        Ops.Layernorm(input, w, default, y, default, default, Epsilon);
        expected = Forward(Wide(x), Wide(weight), new double[width], width).Y;
        AssertClose(expected, y.ToArray<float>(), relative: 2e-6, absolute: 2e-6);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BackwardIsTheFormula(int rows, int width)
    {
        float[] dy = Normal(rows * width, seed: 4), x = Normal(rows * width, seed: 5);
        float[] weight = Normal(width, seed: 6), bias = Normal(width, seed: 7);
        (double[] dx, double[] dweight, double[] dbias) = Backward(Wide(dy), Wide(x), Wide(weight), width);
        double Loss(double[] input, double[] w, double[] b) => Forward(input, w, b, width).Y.Zip(dy, (y, g) => y * g).Sum();
        if (width > 1)
        {
            AssertIsGradient(input => Loss(input, Wide(weight), Wide(bias)), Wide(x), dx);
        }

        AssertIsGradient(w => Loss(Wide(x), w, Wide(bias)), Wide(weight), dweight);
        AssertIsGradient(b => Loss(Wide(x), Wide(weight), b), Wide(bias), dbias);

        Tensor input = From(x, [rows, width]), w = From(weight), mean = Output([rows]), rstd = Output([rows]);
        Tensor dinput = Output([rows, width]), dw = Zeros([width]), db = Zeros([width]);
        Ops.Layernorm(input, w, From(bias), Output([rows, width]), mean, rstd, Epsilon);
        Ops.LayernormBackward(From(dy, [rows, width]), input, w, mean, rstd, dinput, dw, db);
        double size = dx.Max(Math.Abs), grown = Math.Sqrt(rows) * Math.Log2(2 + rows);
        AssertClose(dx, dinput.ToArray<float>(), relative: 2e-6, absolute: 2e-6 * size + (width == 1 ? 1e-4 : 0));
        AssertClose(dweight, dw.ToArray<float>(), relative: 2e-6, absolute: 2e-6 * grown);
        AssertClose(dbias, db.ToArray<float>(), relative: 2e-6, absolute: 1e-6 * grown);
    }

    [Fact]
    public void BackwardAddsIfToldAndLeavesOutWhatIsNotAsked()
    {
        Tensor x = From(Normal(66, seed: 8), [2, 33]), dy = From(Normal(66, seed: 9), [2, 33]), w = From(Normal(33, seed: 10));
        Tensor mean = Output([2]), rstd = Output([2]), written = Output([2, 33]), added = From(Normal(66, seed: 11), [2, 33]);
        Ops.Layernorm(x, w, default, Output([2, 33]), mean, rstd, Epsilon);
        Ops.LayernormBackward(dy, x, w, mean, rstd, written, default, default);
        float[] before = added.ToArray<float>();
        Ops.LayernormBackward(dy, x, w, mean, rstd, added, default, default, accumulate: true);
        AssertSameBits([.. before.Zip(written.ToArray<float>(), (a, b) => a + b)], added.ToArray<float>());
    }

    [Fact]
    public void ARowAloneHasItsBitsInABatch()
    {
        const int Rows = 19, Width = 513;
        Tensor x = From(Normal(Rows * Width, seed: 12), [Rows, Width]), w = From(Normal(Width, seed: 13));
        Tensor y = Output([Rows, Width]);
        Ops.Layernorm(x, w, w, y, default, default, Epsilon);
        for (int r = 0; r < Rows; r++)
        {
            Tensor alone = Output([1, Width]);
            Ops.Layernorm(x.RowRange(r, 1), w, w, alone, default, default, Epsilon);
            AssertSameBits(alone.ToArray<float>(), y.RowRange(r, 1).ToArray<float>());
        }
    }

    // The second pass about the mean keeps the digits that a sum of squares would lose.
    [Theory]
    [InlineData(0f)]
    [InlineData(1e4f)]
    [InlineData(-1e4f)]
    public void AnOffsetCostsOnlyItsOwnRounding(float offset)
    {
        float[] x = [.. Normal(33, seed: 14).Select(v => v + offset)];
        Tensor y = Output([1, 33]);
        float[] ones = [.. Enumerable.Repeat(1f, 33)];
        Ops.Layernorm(From(x, [1, 33]), From(ones), default, y, default, default, Epsilon);
        // The mean is rounded to a float32 of the size of the offset.
        AssertClose(Forward(Wide(x), Wide(ones), new double[33], 33).Y, y.ToArray<float>(), relative: 1e-6,
            absolute: 1e-6 + 1.2e-7 * Math.Abs(offset));
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([2, 3]), w = Empty([3]), y = Empty([2, 3]);
        AssertUnsupported("x_dtype", () => Ops.Layernorm(Empty([2, 3], DType.Int32), w, w, y, default, default, Epsilon));
        AssertInvalid("epsilon: wanted 0 to 1e38", () => Ops.Layernorm(x, w, w, y, default, default, float.NaN));
        AssertInvalid("rstd: wanted memory of the device, got null", () => Ops.Layernorm(x, w, w, y, Empty([2]), default, Epsilon));
        AssertInvalid("mean: wanted memory of the device, got null", () => Ops.Layernorm(x, w, w, y, default, Empty([2]), Epsilon));
        Assert.Contains("bias: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Layernorm(x, w, Empty([4]), y, default, default, Epsilon)).Message, StringComparison.Ordinal);
    }

    /// <summary>Past 128 rows a GPU adds them in pieces, see kernels/common/column_sum_plan.h.</summary>
    [Fact]
    public void TheWeightGradientOfManyRowsAgreesBetweenDevices() => AssertDevicesAgree(() => new LayernormTests(), tests =>
    {
        const int Rows = 700, Width = 130;
        Tensor x = tests.From(Normal(Rows * Width, seed: 15), [Rows, Width]), w = tests.From(Normal(Width, seed: 16));
        Tensor mean = tests.Output([Rows]), rstd = tests.Output([Rows]);
        Tensor dweight = tests.From([.. Enumerable.Repeat(100f, Width)]), dbias = tests.From([.. Enumerable.Repeat(100f, Width)]);
        Tensor dy = tests.From(Normal(Rows * Width, seed: 17), [Rows, Width]);
        Ops.Layernorm(x, w, default, tests.Output([Rows, Width]), mean, rstd, Epsilon);
        Ops.LayernormBackward(dy, x, w, mean, rstd, tests.Output([Rows, Width]), dweight, dbias);
        return [.. dweight.ToArray<float>(), .. dbias.ToArray<float>()];
    }, tolerance: 3e-6f); // measured: 2.2e-6

    protected override float[] Compute()
    {
        const int Rows = 79, Width = 519;
        Tensor x = Place(Normal(Rows * Width, seed: 15), [Rows, Width]), w = Place(Normal(Width, seed: 16), [Width]);
        Tensor y = Output([Rows, Width]), mean = Output([Rows]), rstd = Output([Rows]), dx = Output([Rows, Width]);
        Tensor dweight = Place(new float[Width], [Width]), dbias = Place(new float[Width], [Width]);
        Ops.Layernorm(x, w, Place(Normal(Width, seed: 17), [Width]), y, mean, rstd, Epsilon);
        Ops.LayernormBackward(Place(Normal(Rows * Width, seed: 18), [Rows, Width]), x, w, mean, rstd, dx, dweight, dbias);
        return [.. new[] { y, mean, rstd, dx, dweight, dbias }.SelectMany(t => t.ToArray<float>())];
    }

    protected override InvariantOpTests WithThreads(int count) => new LayernormTests(count);

    private static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x, double[] weight, double[] bias, int width)
    {
        double[] mean = [.. x.Chunk(width).Select(row => row.Average())];
        double[] rstd = [.. x.Chunk(width).Select((row, r) =>
            1 / Math.Sqrt(row.Average(v => (v - mean[r]) * (v - mean[r])) + Epsilon))];
        return ([.. x.Select((v, i) => (v - mean[i / width]) * rstd[i / width] * weight[i % width] + bias[i % width])],
            mean, rstd);
    }

    private static (double[] Dx, double[] Dweight, double[] Dbias) Backward(double[] dy, double[] x, double[] weight, int width)
    {
        (_, double[] mean, double[] rstd) = Forward(x, weight, weight, width);
        double[] dx = new double[x.Length], dweight = new double[width], dbias = new double[width];
        for (int r = 0; r < rstd.Length; r++)
        {
            double sum = 0, product = 0;
            for (int j = 0, i = r * width; j < width; j++, i++)
            {
                double normalised = (x[i] - mean[r]) * rstd[r];
                sum += dy[i] * weight[j] / width;
                product += dy[i] * weight[j] * normalised / width;
                dweight[j] += dy[i] * normalised;
                dbias[j] += dy[i];
            }

            for (int j = 0, i = r * width; j < width; j++, i++)
            {
                dx[i] = rstd[r] * (dy[i] * weight[j] - sum - (x[i] - mean[r]) * rstd[r] * product);
            }
        }

        return (dx, dweight, dbias);
    }
}
