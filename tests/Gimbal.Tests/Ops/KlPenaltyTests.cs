using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class KlPenaltyTests : InvariantOpTests
{
    public KlPenaltyTests() : base(1) { }

    private KlPenaltyTests(int threads) : base(threads) { }

    public static TheoryData<KlForm, int> FormsAndSizes =>
        new(from form in Enum.GetValues<KlForm>() from row in Sizes select (form, row.Data));

    [Theory]
    [MemberData(nameof(FormsAndSizes))]
    public void IsTheFormula(KlForm form, int count)
    {
        float[] logprobs = Normal(count, seed: 1), reference = Normal(count, seed: 2);
        (float[] kl, float[] slope) = Estimate(logprobs, reference, form);
        double[] d = [.. logprobs.Zip(reference, (p, r) => (double)(p - r))];
        // Measured: 3.8e-7 relative, where exp(-d) - 1 + d begins.
        AssertClose([.. d.Select(v => Value(form, v))], kl, relative: 5e-7, absolute: 1e-12);
        AssertClose([.. d.Select(v => Slope(form, v))], slope, relative: 1e-6, absolute: 1e-9);
    }

    [Theory]
    [InlineData(KlForm.K1)]
    [InlineData(KlForm.K2)]
    [InlineData(KlForm.K3)]
    public void TheGradientIsTheDerivative(KlForm form)
    {
        double[] d = Wide(Normal(33, seed: 3));
        AssertIsGradient(x => x.Sum(v => Value(form, v)), d, [.. d.Select(v => Slope(form, v))]);
    }

    [Theory]
    [InlineData(1e-4f)]
    [InlineData(-1e-3f)]
    [InlineData(3e-2f)]
    public void SmallDifferencesKeepTheirDigits(float d)
    {
        (float[] kl, float[] slope) = Estimate([d], [0], KlForm.K3);
        double exact = d * (double)d / 2 - Math.Pow(d, 3) / 6 + Math.Pow(d, 4) / 24 - Math.Pow(d, 5) / 120;
        Assert.Equal(exact, kl[0], 4e-7 * exact);
        Assert.Equal(d - exact, slope[0], 4e-7 * Math.Abs(d));
    }

    [Theory]
    [InlineData(KlForm.K1, 29f, 10f, 0f)]
    [InlineData(KlForm.K1, -29f, -10f, 0f)]
    [InlineData(KlForm.K2, -29f, 10f, 0f)]
    [InlineData(KlForm.K3, -1e4f, 10f, 0f)]
    [InlineData(KlForm.K3, 29f, 10f, 0f)]
    [InlineData(KlForm.K1, 3f, 3f, 1f)]
    public void TheClampCutsTheGradient(KlForm form, float d, float value, float derivative)
    {
        (float[] kl, float[] slope) = Estimate([d], [0], form, clamp: 10);
        Assert.Equal((value, derivative), (kl[0], slope[0]));
    }

    [Fact]
    public void EqualLogprobsGiveZero()
    {
        float[] logprobs = Normal(50, seed: 4);
        foreach (KlForm form in Enum.GetValues<KlForm>())
        {
            Assert.All(Estimate(logprobs, logprobs, form).Kl, v => Assert.Equal(0, v));
        }
    }

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        AssertInvalid("estimator", () => Ops.KlPenalty(From(0f), From(0f), Zeros([1]), default, (KlForm)4));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Ops.KlPenalty(From(0f, 1f), From(0f), Zeros([2]), default, KlForm.K1));
        Assert.Equal("refLogprobs", error.ParamName);
    }

    protected override float[] Compute() =>
    [
        .. Enum.GetValues<KlForm>().SelectMany(form =>
        {
            Tensor kl = Output([LargeCount]), slope = Output([LargeCount]);
            Ops.KlPenalty(Place(Normal(LargeCount, seed: 5), [LargeCount]), Place(Normal(LargeCount, seed: 6), [LargeCount]),
                kl, slope, form);
            return kl.ToArray<float>().Concat(slope.ToArray<float>());
        }),
    ];

    protected override InvariantOpTests WithThreads(int count) => new KlPenaltyTests(count);

    private (float[] Kl, float[] Slope) Estimate(float[] logprobs, float[] reference, KlForm form, float clamp = 0)
    {
        Tensor kl = Output([logprobs.Length]), slope = Output([logprobs.Length]);
        Ops.KlPenalty(From(logprobs), From(reference), kl, slope, form, clamp);
        return (kl.ToArray<float>(), slope.ToArray<float>());
    }

    private static double Value(KlForm form, double d) => form switch
    {
        KlForm.K1 => d,
        KlForm.K2 => d * d / 2,
        _ => Math.Exp(-d) - 1 + d,
    };

    private static double Slope(KlForm form, double d) => form switch
    {
        KlForm.K1 => 1,
        KlForm.K2 => d,
        _ => 1 - Math.Exp(-d),
    };
}
