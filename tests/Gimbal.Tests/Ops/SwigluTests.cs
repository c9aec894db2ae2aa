using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SwigluTests : InvariantOpTests
{
    public SwigluTests() : base(1) { }

    private SwigluTests(int threads) : base(threads) { }

    public static TheoryData<int, int> Shapes { get; } = new()
    {
        { 1, 1 }, { 9, 7 }, { 8, 31 }, { 5, 32 }, { 33, 33 }, { 3, 513 }, { 1, 8003 }, { 8003, 1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int width)
    {
        float[] x = Normal(rows * 2 * width, seed: 1, scale: 3);
        Tensor y = Output([rows, width]);
        Ops.Swiglu(From(x, [rows, 2 * width]), y);
        AssertClose(Forward(Wide(x), width), y.ToArray<float>(), relative: 4e-7, absolute: 1e-37);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BackwardIsTheFormula(int rows, int width)
    {
        float[] x = Normal(rows * 2 * width, seed: 2, scale: 3), dy = Normal(rows * width, seed: 3);
        double[] expected = Backward(Wide(dy), Wide(x), width);
        AssertIsGradient(input => Forward(input, width).Zip(dy, (y, g) => y * g).Sum(), Wide(x), expected);
        Tensor input = From(x, [rows, 2 * width]), dx = Output([rows, 2 * width]);
        Ops.SwigluBackward(From(dy, [rows, width]), input, dx);
        AssertClose(expected, dx.ToArray<float>(), relative: 1e-6, absolute: 4e-7 * Math.Max(1, expected.Max(Math.Abs)));
        Ops.SwigluBackward(From(dy, [rows, width]), input, input);
        AssertSameBits(dx.ToArray<float>(), input.ToArray<float>());
    }

    [Fact]
    public void HoldsAtExtremes()
    {
        float[] x = [1e4f, -1e4f, 0, -0f, 88, -88, -100, 1e30f, 1, 2, 3, 4, 5, 6, 7, -1e-3f];
        Tensor y = Output([1, 8]), dx = Output([1, 16]);
        Ops.Swiglu(From(x, [1, 16]), y);
        Ops.SwigluBackward(From([.. Enumerable.Repeat(1f, 8)], [1, 8]), From(x, [1, 16]), dx);
        AssertClose(Forward(Wide(x), 8), y.ToArray<float>(), relative: 4e-7, absolute: 1e-35);
        AssertClose(Backward([.. Enumerable.Repeat(1.0, 8)], Wide(x), 8), dx.ToArray<float>(), relative: 1e-6, absolute: 1e-33);
    }

    [Fact]
    public void ARowAloneHasItsBitsInABatch()
    {
        Tensor x = From(Normal(19 * 2 * 33, seed: 4), [19, 66]), y = Output([19, 33]);
        Ops.Swiglu(x, y);
        for (int r = 0; r < 19; r++)
        {
            Tensor alone = Output([1, 33]);
            Ops.Swiglu(x.RowRange(r, 1), alone);
            AssertSameBits(alone.ToArray<float>(), y.RowRange(r, 1).ToArray<float>());
        }
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        AssertUnsupported("dtype: wanted float32 or bfloat16, got int32",
            () => Ops.Swiglu(Empty([2, 6], DType.Int32), Empty([2, 3], DType.Int32)));
        Assert.Contains("x: wanted 12 dense elements", Assert.Throws<ArgumentException>(
            () => Ops.Swiglu(Empty([2, 5]), Empty([2, 3]))).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        const int Rows = 79, Width = 519;
        Tensor x = Place(Normal(Rows * 2 * Width, seed: 5), [Rows, 2 * Width]), y = Output([Rows, Width]);
        Tensor dx = Output([Rows, 2 * Width]);
        Ops.Swiglu(x, y);
        Ops.SwigluBackward(Place(Normal(Rows * Width, seed: 6), [Rows, Width]), x, dx);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new SwigluTests(count);

    private static double Sigmoid(double v) => 1 / (1 + Math.Exp(-v));

    private static double[] Forward(double[] x, int width) =>
        [.. x.Chunk(2 * width).SelectMany(row => row.Take(width).Zip(row.Skip(width), (g, up) => g * Sigmoid(g) * up))];

    private static double[] Backward(double[] dy, double[] x, int width)
    {
        double[] dx = new double[x.Length];
        for (int i = 0; i < dy.Length; i++)
        {
            int g = i / width * 2 * width + i % width;
            double s = Sigmoid(x[g]);
            dx[g] = dy[i] * x[g + width] * s * (1 + x[g] * Sigmoid(-x[g]));
            dx[g + width] = dy[i] * x[g] * s;
        }

        return dx;
    }
}
