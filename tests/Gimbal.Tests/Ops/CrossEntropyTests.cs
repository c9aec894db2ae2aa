using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class CrossEntropyTests : InvariantOpTests
{
    public CrossEntropyTests() : base(1) { }

    private CrossEntropyTests(int threads) : base(threads) { }

    public static TheoryData<int, float> Vocabularies => new(
        from row in Sizes from smoothing in new[] { 0f, 0.1f, 1f } select (row.Data, smoothing));

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void IsTheFormula(int vocabulary, float smoothing)
    {
        const int Rows = 4;
        float[] logits = Normal(Rows * vocabulary, seed: 1, scale: 3), dlosses = Normal(Rows, seed: 2);
        int[] targets = [.. Enumerable.Range(0, Rows).Select(r => 7919 * r % vocabulary)];
        (float[] losses, float[] gradient) = Run(logits, targets, vocabulary, dlosses, smoothing);
        double[][] rows = [.. Enumerable.Range(0, Rows).Select(r => Wide(logits[(r * vocabulary)..((r + 1) * vocabulary)]))];
        // Measured: at most 0.19 of these tolerances.
        AssertClose([.. rows.Select((z, r) => Loss(z, targets[r], smoothing))], losses, relative: 5e-7, absolute: 2e-6);
        AssertClose([.. rows.SelectMany((z, r) => Gradient(z, targets[r], smoothing).Select(g => dlosses[r] * g))], gradient,
            relative: 2e-5, absolute: 1e-6);
    }

    [Fact]
    public void TheGradientIsTheDerivative()
    {
        double[] z = Wide(Normal(33, seed: 3, scale: 2));
        AssertIsGradient(x => Loss(x, 5, 0.2), z, Gradient(z, 5, 0.2));
    }

    [Theory]
    [InlineData(-100)]
    [InlineData(0)]
    public void AnIgnoredRowIsNotReadAndGetsZero(int ignored)
    {
        float[] logits = [.. Enumerable.Repeat(float.NaN, 9), .. Normal(9, seed: 4)];
        (float[] losses, float[] gradient) = Run(logits, [ignored, 3], 9, [1, 1], 0.1f, ignored);
        Assert.Equal(0, losses[0]);
        Assert.All(gradient[..9], v => Assert.Equal(0, v));
        Assert.All(gradient[9..].Append(losses[1]), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void WithoutSmoothingItIsMinusTheLogprob()
    {
        const int Rows = 9, Vocabulary = 1025;
        Tensor logits = From(Normal(Rows * Vocabulary, seed: 5, scale: 4), [Rows, Vocabulary]);
        Tensor targets = From([.. Enumerable.Range(0, Rows).Select(r => 113 * r)]);
        Tensor losses = Output([Rows]), lse = Output([Rows]), logprob = Output([Rows]), other = Output([Rows]);
        Ops.CrossEntropy(logits, targets, losses, lse);
        Ops.LogprobGather(logits, targets, logprob, default, other);
        AssertSameBits([.. logprob.ToArray<float>().Select(v => -v)], losses.ToArray<float>());
        AssertSameBits(other.ToArray<float>(), lse.ToArray<float>());
    }

    [Fact]
    public void TheGradientMayReplaceTheLogits()
    {
        float[] values = Normal(3 * 40, seed: 6);
        (_, float[] expected) = Run(values, [1, 2, 3], 40, [1, 2, 3], 0.1f);
        Tensor logits = From(values, [3, 40]), losses = Output([3]), lse = Output([3]);
        Ops.CrossEntropy(logits, From(1, 2, 3), losses, lse, 0.1f);
        Ops.CrossEntropyBackward(logits, From(1, 2, 3), lse, From(1f, 2f, 3f), logits, 0.1f);
        AssertSameBits(expected, logits.ToArray<float>());
    }

    [Fact]
    public void LargeLogitsStayFinite()
    {
        (float[] losses, float[] gradient) = Run([1e4f, -1e4f, 0], [1], 3, [1], 0);
        Assert.Equal(2e4f, losses[0]);
        AssertSameBits([1, -1, 0], gradient);
    }

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        AssertInvalid("label_smoothing", () => Run([0, 0], [1], 2, [1], 1.5f));
        string wanted = TestDevice.IsCpu ? "-100 (left out) or 0 to 1" : "0 to 1";
        AssertOutOfRange($"targets[0]: wanted {wanted}, got -1", () => Run([0, 0], [-1], 2, [1], 0));
    }

    protected override float[] Compute()
    {
        const int Rows = 31, Vocabulary = 1539;
        Tensor logits = Place(Normal(Rows * Vocabulary, seed: 7, scale: 5), [Rows, Vocabulary]), gradient = Output([Rows, Vocabulary]);
        Tensor targets = From([.. Enumerable.Range(0, Rows).Select(r => r % 7 == 3 ? -100 : 41 * r)]);
        Tensor losses = Output([Rows]), lse = Output([Rows]);
        Ops.CrossEntropy(logits, targets, losses, lse, 0.1f);
        Ops.CrossEntropyBackward(logits, targets, lse, Place(Normal(Rows, seed: 8), [Rows]), gradient, 0.1f);
        return [.. losses.ToArray<float>(), .. lse.ToArray<float>(), .. gradient.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new CrossEntropyTests(count);

    private (float[] Losses, float[] Gradient) Run(float[] logits, int[] targets, int vocabulary, float[] dlosses,
        float smoothing, int ignored = -100)
    {
        int rows = targets.Length;
        Tensor z = From(logits, [rows, vocabulary]), losses = Output([rows]), lse = Output([rows]);
        Tensor gradient = Output([rows, vocabulary]);
        Ops.CrossEntropy(z, From(targets), losses, lse, smoothing, ignored);
        Ops.CrossEntropyBackward(z, From(targets), lse, From(dlosses), gradient, smoothing, ignored);
        return (losses.ToArray<float>(), gradient.ToArray<float>());
    }

    private static double Lse(double[] z) => z.Max() + Math.Log(z.Sum(v => Math.Exp(v - z.Max())));

    private static double Loss(double[] z, int target, double smoothing) =>
        -(1 - smoothing) * (z[target] - Lse(z)) - smoothing * (z.Average() - Lse(z));

    private static double[] Gradient(double[] z, int target, double smoothing)
    {
        double lse = Lse(z);
        return
        [
            .. z.Select((v, j) => Math.Exp(v - lse) - (j == target ? 1 - smoothing : 0) - smoothing / z.Length),
        ];
    }
}
