using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GeluTests : InvariantOpTests
{
    private static readonly double Root = Math.Sqrt(2 / Math.PI);

    public GeluTests() : base(1) { }

    private GeluTests(int threads) : base(threads) { }

    public static TheoryData<int, GeluForm> Cases
    {
        get
        {
            TheoryData<int, GeluForm> data = new();
            foreach (int count in new[] { 1, 7, 8, 9, 31, 32, 33, 8003 })
            {
                data.Add(count, GeluForm.Tanh);
                data.Add(count, GeluForm.Erf);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void IsTheFormula(int count, GeluForm form)
    {
        float[] x = Normal(count, seed: 1, scale: 3);
        Tensor y = Output([count]);
        Ops.Gelu(From(x), y, form);
        AssertClose([.. x.Select(v => Value(v, form))], y.ToArray<float>(), relative: 6e-7, absolute: 3e-7);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void BackwardIsTheFormula(int count, GeluForm form)
    {
        float[] x = Normal(count, seed: 2, scale: 3), dy = Normal(count, seed: 3);
        double[] expected = [.. x.Zip(dy, (v, g) => g * Slope(v, form))];
        AssertIsGradient(input => input.Zip(dy, (v, g) => g * Value(v, form)).Sum(), Wide(x), expected);
        Tensor dx = Output([count]);
        Ops.GeluBackward(From(dy), From(x), dx, form);
        AssertClose(expected, dx.ToArray<float>(), relative: 1e-6, absolute: 6e-7);
    }

    [Theory]
    [InlineData(GeluForm.Tanh)]
    [InlineData(GeluForm.Erf)]
    public void HoldsAtExtremes(GeluForm form)
    {
        float[] x = [0, -0f, 1e4f, -1e4f, 1e13f, -1e13f, 3e38f, -3e38f, 20, -20, 1e-30f, -1e-30f, float.PositiveInfinity, float.NaN];
        Tensor y = Output([x.Length]), dx = Output([x.Length]);
        Ops.Gelu(From(x), y, form);
        Ops.GeluBackward(From([.. Enumerable.Repeat(1f, x.Length)]), From(x), dx, form);
        double[] values = [0, 0, 1e4f, 0, 1e13f, 0, 3e38f, 0, 20, 0, 5e-31, -5e-31, double.PositiveInfinity, double.NaN];
        double[] slopes = [0.5, 0.5, 1, 0, 1, 0, 1, 0, 1, 0, 0.5, 0.5];
        AssertClose(values, y.ToArray<float>(), relative: 1e-6, absolute: 0);
        AssertClose(slopes, dx.ToArray<float>().AsSpan(0, slopes.Length), relative: 1e-6, absolute: 0);
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([3]), whole = Empty([3], DType.Int32);
        AssertInvalid("form: wanted 0 (tanh) or 1 (erf), got 2", () => Ops.Gelu(x, x, (GeluForm)2));
        AssertUnsupported("dtype", () => Ops.Gelu(whole, whole, GeluForm.Erf));
        AssertUnsupported("dtype", () => Ops.GeluBackward(whole, whole, whole, GeluForm.Erf));
        Assert.Contains("y: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Gelu(x, Empty([4]), GeluForm.Erf)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        float[] x = Normal(LargeCount, seed: 4, scale: 4);
        List<float> all = [];
        foreach (GeluForm form in new[] { GeluForm.Tanh, GeluForm.Erf })
        {
            Tensor input = Place(x, [LargeCount]), y = Output([LargeCount]), dx = Output([LargeCount]);
            Ops.Gelu(input, y, form);
            Ops.GeluBackward(Place(Normal(LargeCount, seed: 5), [LargeCount]), input, dx, form);
            all.AddRange([.. y.ToArray<float>(), .. dx.ToArray<float>()]);
        }

        return [.. all];
    }

    protected override InvariantOpTests WithThreads(int count) => new GeluTests(count);

    private static double Value(double x, GeluForm form) => x * Cdf(x, form);

    private static double Cdf(double x, GeluForm form) => form == GeluForm.Erf
        ? (1 + ReferenceMath.Erf(x / Math.Sqrt(2))) / 2
        : (1 + Math.Tanh(Root * (x + 0.044715 * x * x * x))) / 2;

    private static double Slope(double x, GeluForm form)
    {
        if (form == GeluForm.Erf)
        {
            return Cdf(x, form) + x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
        }

        double t = Math.Tanh(Root * (x + 0.044715 * x * x * x));
        return (1 + t) / 2 + x * (1 - t * t) / 2 * Root * (1 + 3 * 0.044715 * x * x);
    }
}
