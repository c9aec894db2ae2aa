using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class WhitenTests : InvariantOpTests
{
    public WhitenTests() : base(1) { }

    private WhitenTests(int threads) : base(threads) { }

    public static TheoryData<int, int, bool> Cases => new(
        from row in Sizes from ddof in new[] { 0, 1 } from keepMean in new[] { false, true } select (row.Data, ddof, keepMean));

    [Theory]
    [MemberData(nameof(Cases))]
    public void IsTheFormula(int count, int ddof, bool keepMean)
    {
        float[] x = [.. Normal(count, seed: 1, scale: 3).Select(v => v + 2)];
        byte[] mask = Mask(count);
        (float[] y, double[] moments) = Run(x, mask, 1e-8f, ddof, keepMean);
        double[] kept = [.. x.Where((_, i) => mask[i] != 0).Select(v => (double)v)];
        double mean = kept.Length > 0 ? kept.Average() : 0;
        double variance = kept.Length > ddof ? kept.Sum(v => (v - mean) * (v - mean)) / (kept.Length - ddof) : 0;
        Assert.Equal(mean, moments[0], 1e-7 * (1 + Math.Abs(mean)));
        Assert.Equal(variance, moments[1], 1e-6 * (1 + variance));
        double scale = kept.Length > ddof ? 1 / Math.Sqrt(variance + 1e-8) : 0;
        // Measured: at most 0.16 of the tolerances. A lone element has variance 0, and its deviation is a rounding error.
        double absolute = kept.Length <= 1 ? 1e-3 : 1e-6;
        AssertClose([.. x.Select((v, i) => mask[i] == 0 ? 0 : (v - mean) * scale + (keepMean ? mean : 0))], y, 1e-6, absolute);
    }

    [Fact]
    public void ALargeOffsetCostsNoDigits()
    {
        // Multiples of 1/64 are exact beside 1e4.
        float[] x = [.. Normal(5000, seed: 2).Select(v => MathF.Round(v * 64) / 64)];
        (float[] near, double[] moments) = Run(x, null, 1e-8f, 1, false);
        (float[] far, double[] shifted) = Run([.. x.Select(v => v + 1e4f)], null, 1e-8f, 1, false);
        AssertClose(Wide(near), far, relative: 1e-6, absolute: 1e-6);
        Assert.Equal(moments[1], shifted[1], 1e-6 * moments[1]);
        Assert.Equal(moments[0] + 1e4, shifted[0], 1e-7);
    }

    [Fact]
    public void EqualValuesGiveZero()
    {
        (float[] y, double[] moments) = Run([.. Enumerable.Repeat(0.1f, 1001)], null, 1e-8f, 1, false);
        Assert.All(y, v => Assert.Equal(0, v));
        Assert.Equal([0.1f, 0.0], moments);
    }

    [Fact]
    public void NothingKeptOrTooFewGiveZero()
    {
        Assert.Equal([0f, 0f], Run([3, 4], [0, 0], 1e-8f, 1, true).Y);
        Assert.Equal([0f, 0f], Run([3, 4], [0, 1], 1e-8f, 1, false).Y);
        Assert.Equal([0f, 4f], Run([3, 4], [0, 1], 1e-8f, 1, true).Y);
        Assert.Equal([0f, 0f], Run([3, 4], [0, 1], 0, 0, false).Y);
    }

    [Fact]
    public void MaskedElementsAreNotRead()
    {
        float[] x = Normal(100, seed: 3), spoiled = [.. x];
        byte[] mask = Mask(100);
        for (int i = 0; i < 100; i++)
        {
            spoiled[i] = mask[i] == 0 ? float.NaN : x[i];
        }

        AssertSameBits(Run(x, mask, 1e-8f, 1, false).Y, Run(spoiled, mask, 1e-8f, 1, false).Y);
    }

    [Fact]
    public void InPlaceGivesTheSameBits()
    {
        float[] values = Normal(100, seed: 4);
        Tensor x = From(values);
        Ops.Whiten(x, default, x, default);
        AssertSameBits(Run(values, null, 1e-8f, 1, false).Y, x.ToArray<float>());
    }

    [Fact]
    public void NamesTheScalarThatIsWrong()
    {
        AssertInvalid("epsilon", () => Run([1], null, -1, 1, false));
        AssertInvalid("ddof", () => Run([1], null, 0, -1, false));
    }

    protected override float[] Compute()
    {
        (float[] y, double[] moments) = Run(Normal(LargeCount, seed: 5, scale: 7), Mask(LargeCount), 1e-8f, 1, true);
        return [.. y, .. moments.Select(m => (float)m), .. moments.Select(m => (float)(m - (float)m))];
    }

    protected override InvariantOpTests WithThreads(int count) => new WhitenTests(count);

    private static byte[] Mask(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)(i % 4 == 2 ? 0 : 1))];

    private (float[] Y, double[] Moments) Run(float[] x, byte[]? mask, float epsilon, int ddof, bool keepMean)
    {
        Tensor y = Output([x.Length]), moments = Zeros([2], DType.Float64);
        Ops.Whiten(Place(x, [x.Length]), mask is null ? default : From(mask), y, moments, epsilon, ddof, keepMean);
        return (y.ToArray<float>(), moments.ToArray<double>());
    }
}
