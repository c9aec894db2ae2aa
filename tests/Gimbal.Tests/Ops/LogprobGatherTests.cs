using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class LogprobGatherTests : InvariantOpTests
{
    public LogprobGatherTests() : base(1) { }

    private LogprobGatherTests(int threads) : base(threads) { }

    public static TheoryData<int, float> Vocabularies => new(
        from size in Sizes.Select(row => row.Data).Append(512).Append(1025)
        from temperature in new[] { 1f, 0.7f, 3f }
        select (size, temperature));

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void IsTheFormula(int vocabulary, float temperature)
    {
        const int Rows = 5;
        float[] logits = Normal(Rows * vocabulary, seed: 1, scale: 4);
        int[] targets = Targets(Rows, vocabulary);
        float[] dlogprob = Normal(Rows, seed: 2), dentropy = Normal(Rows, seed: 3);
        Outputs actual = Run(logits, targets, vocabulary, temperature, dlogprob, dentropy);
        Row[] rows = Reference(logits, targets, vocabulary, temperature);
        // Measured: at most 0.27 of these tolerances.
        AssertClose([.. rows.Select(r => r.Logprob)], actual.Logprob, relative: 3e-7, absolute: 2e-6);
        AssertClose([.. rows.Select(r => r.Entropy)], actual.Entropy, relative: 1e-6, absolute: 2e-6);
        AssertClose([.. rows.Select(r => r.Lse)], actual.Lse, relative: 3e-7, absolute: 1e-6);
        AssertClose([.. rows.SelectMany((r, i) => r.Gradient(dlogprob[i], dentropy[i]))], actual.Gradient, relative: 2e-5,
            absolute: 2e-6);
    }

    [Fact]
    public void TheGradientIsTheDerivative()
    {
        const int Vocabulary = 33;
        double[] z = Wide(Normal(Vocabulary, seed: 4, scale: 2));
        Row At(double[] x) => new(x, 7, 0.7);
        AssertIsGradient(x => 1.3 * At(x).Logprob - 0.4 * At(x).Entropy, z, At(z).Gradient(1.3, -0.4));
    }

    [Fact]
    public void ARowHasTheSameBitsAloneAndInABatch()
    {
        const int Rows = 37, Vocabulary = 1537;
        float[] logits = Normal(Rows * Vocabulary, seed: 5, scale: 3);
        int[] targets = Targets(Rows, Vocabulary);
        Outputs all = Run(logits, targets, Vocabulary, 0.8f, Normal(Rows, seed: 6), Normal(Rows, seed: 7));
        foreach (int r in new[] { 0, 17, 36 })
        {
            Outputs one = Run(logits[(r * Vocabulary)..((r + 1) * Vocabulary)], [targets[r]], Vocabulary, 0.8f,
                [Normal(Rows, seed: 6)[r]], [Normal(Rows, seed: 7)[r]]);
            AssertSameBits([all.Logprob[r], all.Entropy[r], all.Lse[r]], [one.Logprob[0], one.Entropy[0], one.Lse[0]]);
            AssertSameBits(all.Gradient.AsSpan(r * Vocabulary, Vocabulary), one.Gradient);
        }
    }

    [Fact]
    public void StridedRowsAndInPlaceGradientsHaveTheSameBits()
    {
        const int Rows = 6, Vocabulary = 600;
        float[] logits = Normal(Rows * Vocabulary, seed: 8);
        int[] targets = Targets(Rows, Vocabulary);
        float[] ones = [.. Enumerable.Repeat(1f, Rows)];
        Outputs dense = Run(logits, targets, Vocabulary, 1, ones, ones);
        Tensor wide = Zeros([Rows, Vocabulary + 13]), part = wide.Columns(5, Vocabulary);
        for (int r = 0; r < Rows; r++)
        {
            part.RowRange(r, 1).CopyFrom<float>(logits.AsSpan(r * Vocabulary, Vocabulary));
        }

        Tensor logprob = Output([Rows]), entropy = Output([Rows]), lse = Output([Rows]);
        Ops.LogprobGather(part, From(targets), logprob, entropy, lse);
        AssertSameBits(dense.Logprob, logprob.ToArray<float>());
        Ops.LogprobGatherBackward(part, From(targets), lse, entropy, From(ones), From(ones), part);
        for (int r = 0; r < Rows; r++)
        {
            AssertSameBits(dense.Gradient.AsSpan(r * Vocabulary, Vocabulary), part.RowRange(r, 1).ToArray<float>());
        }

        Assert.Equal(0, wide.ToArray<float>()[0]);
    }

    [Fact]
    public void ARowLeftOutIsNotReadAndGetsZero()
    {
        float[] logits = [.. Enumerable.Repeat(float.NaN, 40), .. Normal(40, seed: 9)];
        Outputs actual = Run(logits, [-1, 3], 40, 1, [1, 1], [1, 1]);
        Assert.Equal((0f, 0f, 0f), (actual.Logprob[0], actual.Entropy[0], actual.Lse[0]));
        Assert.All(actual.Gradient[..40], v => Assert.Equal(0, v));
        Assert.All(actual.Gradient[40..], v => Assert.True(float.IsFinite(v)));
    }

    [Theory]
    [InlineData(1e4f)]
    [InlineData(-1e4f)]
    public void LargeLogitsKeepTheirDigits(float offset)
    {
        // Steps of 1/8 are exact beside 1e4, so the distribution is that of the logits without the offset.
        float[] logits = [.. Normal(700, seed: 10).Select(v => MathF.Round(v * 8) / 8)];
        Outputs near = Run(logits, [5], 700, 1, [1], [0]), far = Run([.. logits.Select(v => v + offset)], [5], 700, 1, [1], [0]);
        AssertSameBits([near.Logprob[0], near.Entropy[0]], [far.Logprob[0], far.Entropy[0]]);
    }

    [Fact]
    public void MaskedLogitsHaveNoProbability()
    {
        const int Vocabulary = 1100; // the first two blocks are masked whole
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 1024), .. Normal(76, seed: 11)];
        logits[1050] = float.NegativeInfinity;
        Outputs actual = Run(logits, [1030], Vocabulary, 1, [1], [1]);
        Row row = Reference(logits, [1030], Vocabulary, 1)[0];
        AssertClose([row.Logprob, row.Entropy], [actual.Logprob[0], actual.Entropy[0]], 1e-6, 1e-6);
        Assert.All(Enumerable.Range(0, 1024).Append(1050), j => Assert.Equal(0, actual.Gradient[j]));
        Assert.Equal(float.NegativeInfinity, Run(logits, [3], Vocabulary, 1, [0], [0]).Logprob[0]);
    }

    [Fact]
    public void OneTokenIsCertain()
    {
        Outputs actual = Run([1e4f], [0], 1, 1, [1], [1]);
        Assert.Equal((0f, 0f, 1e4f, 0f), (actual.Logprob[0], actual.Entropy[0], actual.Lse[0], actual.Gradient[0]));
    }

    [Fact]
    public void NaNAndRowsWithoutATokenShow()
    {
        float[] spoiled = Normal(600, seed: 12);
        spoiled[555] = float.NaN;
        Assert.True(float.IsNaN(Run(spoiled, [3], 600, 1, [0], [0]).Logprob[0]));
        Assert.True(float.IsNaN(Run([.. Enumerable.Repeat(float.NaN, 600)], [3], 600, 1, [0], [0]).Logprob[0]));
        Assert.True(float.IsNaN(
            Run([.. Enumerable.Repeat(float.NegativeInfinity, 600)], [3], 600, 1, [0], [0]).Logprob[0]));
    }

    [Fact]
    public void NoGradientGivesNoneEvenForARowThatIsNotFinite() => Assert.All(
        Run([float.NaN, 1, 2], [1], 3, 1, [0], [0]).Gradient, v => Assert.Equal(0, v));

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        Tensor logits = Zeros([2, 3]), targets = From(0, 1), rows = Zeros([2]);
        AssertInvalid("temperature", () => Ops.LogprobGather(logits, targets, rows, default, default, temperature: 0));
        AssertOutOfRange(TestDevice.IsCpu ? "targets[1]: wanted -1 (left out) or 0 to 2, got 3" : "targets[1]: wanted 0 to 2, got 3",
            () => Ops.LogprobGather(logits, From(0, 3), rows, default, default));
        AssertInvalid("entropy",
            () => Ops.LogprobGatherBackward(logits, targets, rows, default, rows, rows, Zeros([2, 3])));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Ops.LogprobGather(logits, From(0), rows, default, default));
        Assert.Equal("targets", error.ParamName);
    }

    protected override float[] Compute()
    {
        const int Rows = 31, Vocabulary = 1539;
        Tensor logits = Place(Normal(Rows * Vocabulary, seed: 13, scale: 5), [Rows, Vocabulary]);
        Tensor targets = From(Targets(Rows, Vocabulary)), gradient = Output([Rows, Vocabulary]);
        Tensor logprob = Output([Rows]), entropy = Output([Rows]), lse = Output([Rows]);
        Ops.LogprobGather(logits, targets, logprob, entropy, lse, 0.9f);
        Ops.LogprobGatherBackward(logits, targets, lse, entropy, Place(Normal(Rows, seed: 14), [Rows]),
            Place(Normal(Rows, seed: 15), [Rows]), gradient, 0.9f);
        return
        [
            .. logprob.ToArray<float>(), .. entropy.ToArray<float>(), .. lse.ToArray<float>(), .. gradient.ToArray<float>(),
        ];
    }

    protected override InvariantOpTests WithThreads(int count) => new LogprobGatherTests(count);

    private sealed record Outputs(float[] Logprob, float[] Entropy, float[] Lse, float[] Gradient);

    /// <summary>One row in double, by the plain formulas.</summary>
    private sealed class Row
    {
        private readonly double[] z;
        private readonly int target;
        private readonly double temperature;

        public Row(double[] logits, int target, double temperature)
        {
            (z, this.target, this.temperature) = ([.. logits.Select(v => v / temperature)], target, temperature);
            double max = z.Max();
            Lse = max + Math.Log(z.Sum(v => Math.Exp(v - max)));
            Logprob = z[target] - Lse;
            Entropy = -Probabilities.Where(p => p > 0).Sum(p => p * Math.Log(p));
        }

        public double Lse { get; }

        public double Logprob { get; }

        public double Entropy { get; }

        private double[] Probabilities => [.. z.Select(v => Math.Exp(v - Lse))];

        public double[] Gradient(double dlogprob, double dentropy) =>
        [
            .. Probabilities.Select((p, j) =>
                (dlogprob * ((j == target ? 1 : 0) - p) - (p > 0 ? dentropy * p * (Math.Log(p) + Entropy) : 0)) / temperature),
        ];
    }

    private static Row[] Reference(float[] logits, int[] targets, int vocabulary, float temperature) =>
    [
        .. targets.Select((t, r) => new Row(Wide(logits[(r * vocabulary)..((r + 1) * vocabulary)]), t, temperature)),
    ];

    private static int[] Targets(int rows, int vocabulary) =>
        [.. Enumerable.Range(0, rows).Select(r => r == 0 ? vocabulary - 1 : 7919 * r % vocabulary)];

    private Outputs Run(float[] logits, int[] targets, int vocabulary, float temperature, float[] dlogprob, float[] dentropy)
    {
        int rows = targets.Length;
        Tensor z = From(logits, [rows, vocabulary]), ids = From(targets), gradient = Output([rows, vocabulary]);
        Tensor logprob = Output([rows]), entropy = Output([rows]), lse = Output([rows]);
        Ops.LogprobGather(z, ids, logprob, entropy, lse, temperature);
        Ops.LogprobGatherBackward(z, ids, lse, entropy, From(dlogprob), From(dentropy), gradient, temperature);
        return new Outputs(logprob.ToArray<float>(), entropy.ToArray<float>(), lse.ToArray<float>(), gradient.ToArray<float>());
    }
}
