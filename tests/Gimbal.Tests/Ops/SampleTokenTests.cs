using System.Runtime.InteropServices;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SampleTokenTests : InvariantOpTests
{
    public SampleTokenTests() : base(1) { }

    private SampleTokenTests(int threads) : base(threads) { }

    public static TheoryData<int, float, int, float, float> Filters => new()
    {
        { 40, 1, 0, 1, 0 },
        { 40, 0.7f, 0, 1, 0 },
        { 40, 1, 5, 1, 0 },
        { 40, 1, 1000, 1, 0 },
        { 40, 1, 0, 0.8f, 0 },
        { 40, 1, 0, 0.001f, 0 },
        { 40, 1, 0, 1, 0.2f },
        { 40, 1.5f, 12, 0.9f, 0.05f },
        { 1100, 0.8f, 30, 0.95f, 0.01f },
        { 1, 1, 0, 0.5f, 0 },
    };

    [Theory]
    [MemberData(nameof(Filters))]
    public void DrawsFromTheTruncatedDistribution(int vocabulary, float temperature, int topK, float topP, float minP)
    {
        int draws = vocabulary > 100 ? 8_000 : 20_000;
        float[] logits = Normal(vocabulary, seed: 1, scale: 2);
        double[] wanted = Truncated(logits, temperature, topK, topP, minP);
        Drawn drawn = Draw(Repeat(logits, draws), vocabulary, temperature, topK, topP, minP);
        int[] counts = new int[vocabulary];
        for (int i = 0; i < draws; i++)
        {
            int token = drawn.Tokens[i];
            counts[token]++;
            Assert.Equal(Math.Log(wanted[token]), drawn.Truncated[i], 2e-6 * (1 + Math.Abs(Math.Log(wanted[token]))));
        }

        // Chi-square over the tokens expected at least ten times, the rest as one; five standard deviations of its own.
        int[] frequent = [.. Enumerable.Range(0, vocabulary).Where(j => wanted[j] * draws >= 10)];
        double rest = draws * (1 - frequent.Sum(j => wanted[j])), restCount = draws - frequent.Sum(j => counts[j]);
        double chi = frequent.Sum(j => Math.Pow(counts[j] - draws * wanted[j], 2) / (draws * wanted[j])) +
            (rest > 1 ? (restCount - rest) * (restCount - rest) / rest : 0);
        double freedom = Math.Max(1, frequent.Length - (rest > 1 ? 0 : 1));
        Assert.True(chi < freedom + 5 * Math.Sqrt(2 * freedom), $"chi-square {chi:F1} with {freedom} degrees of freedom");
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.6f)]
    public void TheLogprobHasTheBitsOfLogprobGather(float temperature)
    {
        const int Rows = 50, Vocabulary = 1537;
        float[] logits = Normal(Rows * Vocabulary, seed: 2, scale: 3);
        Drawn all = Draw(logits, Vocabulary, temperature), some = Draw(logits, Vocabulary, temperature, topK: 3, topP: 0.9f);
        foreach (Drawn drawn in new[] { all, some })
        {
            Tensor logprob = Output([Rows]);
            Ops.LogprobGather(From(logits, [Rows, Vocabulary]), From(drawn.Tokens), logprob, default, default, temperature);
            AssertSameBits(logprob.ToArray<float>(), drawn.Logprob);
        }

        AssertSameBits(all.Logprob, all.Truncated);
    }

    [Fact]
    public void ADrawDependsOnItsNumbersAndNotOnTheBatch()
    {
        const int Rows = 37, Vocabulary = 700;
        float[] logits = Normal(Rows * Vocabulary, seed: 3);
        Drawn all = Draw(logits, Vocabulary);
        int[] reversed = [.. Enumerable.Range(0, Rows).Reverse()];
        Drawn backwards = Draw([.. reversed.SelectMany(r => logits[(r * Vocabulary)..((r + 1) * Vocabulary)])], Vocabulary,
            samples: [.. reversed.Select(r => (long)r)], positions: [.. reversed.Select(r => 100 + r)]);
        Assert.Equal(all.Tokens, backwards.Tokens.Reverse());
        AssertSameBits(all.Logprob, [.. backwards.Logprob.Reverse()]);
    }

    [Fact]
    public void TheDrawIsPhiloxThroughTheCumulativeDistribution()
    {
        Assert.Equal([0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u], Philox([0, 0, 0, 0], [0, 0]));
        Assert.Equal([0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu], Philox([~0u, ~0u, ~0u, ~0u], [~0u, ~0u]));
        Assert.Equal([0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u],
            Philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]));

        const int Rows = 200, Vocabulary = 1300;
        const ulong Seed = 0x0123456789abcdef, Step = 77;
        float[] logits = Normal(Rows * Vocabulary, seed: 4, scale: 0.5f);
        Drawn drawn = Draw(logits, Vocabulary, seed: Seed, step: Step, purpose: 3);
        for (int r = 0; r < Rows; r++)
        {
            uint[] numbers = Philox([3, (uint)Step, (uint)r, (uint)(100 + r)], [unchecked((uint)Seed), (uint)(Seed >> 32)]);
            double u = ((((ulong)numbers[0] << 20) | (numbers[1] >> 12)) + 0.5) * Math.ScaleB(1, -52);
            double[] p = [.. logits[(r * Vocabulary)..((r + 1) * Vocabulary)].Select(z => Math.Exp(z))];
            double below = p[..drawn.Tokens[r]].Sum() / p.Sum(), above = p[..(drawn.Tokens[r] + 1)].Sum() / p.Sum();
            Assert.InRange(u, below - 1e-6, above + 1e-6);
        }
    }

    [Fact]
    public void EveryNumberOfTheKeyCounts()
    {
        float[] logits = Repeat(new float[500], 64);
        Drawn one = Draw(logits, 500);
        Assert.Equal(one.Tokens, Draw(logits, 500).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, seed: 2).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, seed: 1 | (1UL << 40)).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, step: 1).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, purpose: 1).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, positions: new int[64]).Tokens);
        Assert.NotEqual(one.Tokens, Draw(logits, 500, samples: [.. Enumerable.Range(64, 64).Select(v => (long)v)]).Tokens);
        Assert.True(one.Tokens.Distinct().Count() > 40);
    }

    [Fact]
    public void GreedyTakesTheFirstOfTheLargest()
    {
        float[] logits = Normal(3 * 1000, seed: 5);
        (logits[17], logits[900], logits[1999], logits[2000]) = (50, 50, 60, 70);
        Tensor tokens = Empty([3], DType.Int32), logprob = Output([3]), gathered = Output([3]), truncated = Output([3]);
        Tensor z = From(logits, [3, 1000]);
        Ops.SampleToken(z, default, default, default, tokens, logprob, truncated, temperature: 0);
        Assert.Equal([17, 999, 0], tokens.ToArray<int>());
        Ops.LogprobGather(z, tokens, gathered, default, default);
        AssertSameBits(gathered.ToArray<float>(), logprob.ToArray<float>());
        Assert.All(truncated.ToArray<float>(), v => Assert.Equal(0, v));
    }

    [Fact]
    public void GreedyTokensAloneAreThoseWithALogprob()
    {
        float[] logits = Normal(5 * 1001, seed: 8);
        Array.Fill(logits, float.NegativeInfinity, 1001, 1001);
        Array.Fill(logits, float.NaN, 2002, 1001);
        (logits[3003 + 600], logits[3003 + 700], logits[4004]) = (90, 90, float.NaN);
        Tensor z = From(logits, [5, 1001]), tokens = Empty([5], DType.Int32), alone = Empty([5], DType.Int32);
        Ops.SampleToken(z, default, default, default, tokens, Output([5]), default, temperature: 0);
        Ops.SampleToken(z, default, default, default, alone, default, default, temperature: 0);
        Assert.Equal([0, 0, 600], tokens.ToArray<int>()[1..4]);
        Assert.Equal(tokens.ToArray<int>(), alone.ToArray<int>());
    }

    [Fact]
    public void TiesStayWithTopKAndGoOneByOneWithTopP()
    {
        float[] logits = [1, 2, 2, 2, 0, 2];
        int[] Kept(int topK, float topP) =>
            [.. Draw(Repeat(logits, 2000), 6, topK: topK, topP: topP).Tokens.Distinct().Order()];
        Assert.Equal([1, 2, 3, 5], Kept(2, 1));
        // Of four equal probabilities a half needs two: the last ones, as the ascending sort has them.
        Assert.Equal([3, 5], Kept(4, 0.5f));
        Assert.Equal([5], Kept(0, 0));
    }

    [Fact]
    public void MaskedTokensAreNeverDrawn()
    {
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 600), 1e4f, -1e4f, 1e4f, float.NegativeInfinity];
        Drawn drawn = Draw(Repeat(logits, 200), 604);
        Assert.Equal([600, 602], drawn.Tokens.Distinct().Order());
        Assert.All(drawn.Logprob, v => Assert.Equal(-Math.Log(2), v, 1e-6));
        Assert.Equal([600, 602], Draw(Repeat(logits, 200), 604, topK: 100, topP: 0.99f, minP: 0.01f).Tokens.Distinct().Order());
    }

    [Fact]
    public void ARowWithoutADistributionGivesATokenAndNaN()
    {
        foreach (float bad in new[] { float.NaN, float.NegativeInfinity })
        {
            Drawn drawn = Draw([.. Enumerable.Repeat(bad, 40)], 40, topK: 3, topP: 0.5f);
            Assert.InRange(drawn.Tokens[0], 0, 39);
            Assert.True(float.IsNaN(drawn.Logprob[0]) && float.IsNaN(drawn.Truncated[0]));
        }
    }

    [Theory]
    [InlineData(-1f, 0, 1f, 0f, "sampling.temperature")]
    [InlineData(1f, -1, 1f, 0f, "sampling.top_k")]
    [InlineData(1f, 0, 1.5f, 0f, "sampling.top_p")]
    [InlineData(1f, 0, 1f, float.NaN, "sampling.min_p")]
    public void NamesTheScalarThatIsWrong(float temperature, int topK, float topP, float minP, string name) =>
        AssertInvalid(name, () => Draw([0, 1], 2, temperature, topK, topP, minP));

    [Fact]
    public void ADrawNeedsItsNumbers() => AssertInvalid("samples",
        () => Ops.SampleToken(Zeros([1, 2]), default, default, default, Empty([1], DType.Int32), Zeros([1]), default));

    protected override float[] Compute()
    {
        float[] logits = Normal(40 * 1100, seed: 6, scale: 2);
        const int Large = 300_001; // more blocks than a kernel holds at a time
        float[] few = [.. Enumerable.Range(0, 40 * 700).Select(i => (float)(i * 7 % 13))]; // many ties
        Drawn[] all = [Draw(logits, 1100), Draw(logits, 1100, 0.8f, topK: 50, topP: 0.9f, minP: 0.02f),
            Draw(few, 700, 1.3f, topK: 90, topP: 0.6f), Draw(Normal(2 * Large, seed: 7), Large, topP: 0.7f)];
        return [.. all.SelectMany(d => d.Tokens.Select(t => (float)t).Concat(d.Logprob).Concat(d.Truncated))];
    }

    protected override InvariantOpTests WithThreads(int count) => new SampleTokenTests(count);

    private sealed record Drawn(int[] Tokens, float[] Logprob, float[] Truncated);

    private Drawn Draw(float[] logits, int vocabulary, float temperature = 1, int topK = 0, float topP = 1, float minP = 0,
        ulong seed = 1, ulong step = 0, int purpose = 0, long[]? samples = null, int[]? positions = null)
    {
        int rows = logits.Length / vocabulary;
        StepState state = new() { Seed = seed, Step = step };
        Tensor tokens = Empty([rows], DType.Int32), logprob = Output([rows]), truncated = Output([rows]);
        Ops.SampleToken(Place(logits, [rows, vocabulary]),
            From(samples ?? [.. Enumerable.Range(0, rows).Select(r => (long)r)]),
            From(positions ?? [.. Enumerable.Range(100, rows)]),
            From(MemoryMarshal.AsBytes(new ReadOnlySpan<StepState>(in state)).ToArray()), tokens, logprob, truncated,
            temperature, topK, topP, minP, purpose);
        return new Drawn(tokens.ToArray<int>(), logprob.ToArray<float>(), truncated.ToArray<float>());
    }

    private static float[] Repeat(float[] row, int times) => [.. Enumerable.Repeat(row, times).SelectMany(v => v)];

    // The processors of Hugging Face, one after the other, by sorting.
    private static double[] Truncated(float[] logits, float temperature, int topK, float topP, float minP)
    {
        double[] z = [.. logits.Select(v => v / (double)temperature)];
        double[] p = Softmax(z);
        int[] ascending = [.. Enumerable.Range(0, z.Length).OrderBy(j => z[j])];
        if (topK > 0 && topK < z.Length)
        {
            double threshold = z[ascending[z.Length - topK]];
            p = Softmax([.. z.Select(v => v < threshold ? double.NegativeInfinity : v)]);
        }

        double sum = 0;
        bool[] tail = new bool[z.Length];
        foreach (int j in ascending[..^1])
        {
            sum += p[j];
            tail[j] = topP < 1 && sum <= 1 - (double)topP;
        }

        p = Softmax([.. p.Select((v, j) => tail[j] ? double.NegativeInfinity : Math.Log(v))]);
        double least = minP * p.Max();
        return Softmax([.. p.Select(v => v < least ? double.NegativeInfinity : Math.Log(v))]);
    }

    private static double[] Softmax(double[] z)
    {
        double max = z.Max(), sum = z.Sum(v => Math.Exp(v - max));
        return [.. z.Select(v => Math.Exp(v - max) / sum)];
    }

    // Philox4x32-10, from the paper's definition.
    private static uint[] Philox(uint[] counter, uint[] key)
    {
        (uint[] c, uint k0, uint k1) = (counter, key[0], key[1]);
        for (int round = 0; round < 10; round++)
        {
            ulong a = 0xD2511F53UL * c[0], b = 0xCD9E8D57UL * c[2];
            c = [(uint)(b >> 32) ^ c[1] ^ k0, (uint)b, (uint)(a >> 32) ^ c[3] ^ k1, (uint)a];
            (k0, k1) = (unchecked(k0 + 0x9E3779B9), unchecked(k1 + 0xBB67AE85));
        }

        return c;
    }
}
