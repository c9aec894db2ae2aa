using Gimbal.Tensors;

namespace Gimbal.Tests;

public class AttentionTests : OpTests
{
    private const float NoNumber = float.NaN;

    public AttentionTests() { }

    private AttentionTests(int threads) : base(threads: threads) { }

    [Theory]
    [InlineData(1, 2, 2, 4)]
    [InlineData(7, 3, 1, 5)]
    [InlineData(8, 2, 1, 16)]
    [InlineData(9, 4, 4, 31)]
    [InlineData(31, 6, 2, 8)]
    [InlineData(32, 4, 2, 33)]
    [InlineData(33, 2, 2, 64)]
    [InlineData(130, 70, 1, 7)]
    [InlineData(255, 2, 1, 48)]
    [InlineData(256, 1, 1, 80)]
    [InlineData(257, 2, 2, 128)]
    [InlineData(600, 2, 1, 20)]
    [InlineData(40, 2, 2, 256)]
    public void IsTheFormula(int length, int heads, int keyHeads, int headDim)
    {
        Sequence one = new(length, heads, keyHeads, headDim, seed: 1);
        AttentionReference reference = one.Reference();
        (float[] y, float[] lse) = Forward(one);
        AssertClose(reference.Y, y, 0, 2e-6);     // measured: 1e-6
        AssertClose(reference.Lse, lse, 1e-6, 2e-6); // measured: 1e-6
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(63)]
    [InlineData(65)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(513)]
    public void ATokenDecodedHasTheBitsOfItsPrefill(int prompt)
    {
        Sequence one = new(540, heads: 4, keyHeads: 2, headDim: 24, seed: 2);
        (float[] all, float[] allLse) = Forward(one);
        for (int length = prompt; length < prompt + 3; length++)
        {
            int row = length - 1;
            (float[] y, float[] lse) = Forward(one, first: row, count: 1);
            AssertSameBits(all.AsSpan(row * one.QueryWidth, one.QueryWidth), y);
            AssertSameBits(allLse.AsSpan(row * one.Heads, one.Heads), lse);
        }
    }

    [Theory]
    [InlineData(20, 80)]
    [InlineData(33, 300)]
    [InlineData(250, 20)]
    public void APrefillInPiecesHasTheBitsOfTheWhole(int first, int count)
    {
        Sequence one = new(540, heads: 3, keyHeads: 3, headDim: 40, seed: 3);
        float[] all = Forward(one).Y;
        float[] piece = Forward(one, first, count).Y;
        AssertSameBits(all.AsSpan(first * one.QueryWidth, count * one.QueryWidth), piece);
    }

    [Fact]
    public void ASequenceHasTheSameBitsAloneAndInABatch()
    {
        int[] lengths = [33, 1, 256, 0, 70, 31, 300];
        Sequence[] batch = [.. lengths.Select((length, s) => new Sequence(length, 4, 2, 20, seed: 10 + s))];
        int[] starts = [0, .. lengths.Select((_, s) => lengths[..(s + 1)].Sum())];
        Tensor q = From([.. batch.SelectMany(b => b.Q)], [starts[^1], 80]);
        Tensor k = From([.. batch.SelectMany(b => b.K)], [starts[^1], 40]);
        Tensor v = From([.. batch.SelectMany(b => b.V)], [starts[^1], 40]);
        Tensor y = Empty([starts[^1], 80]), lse = Empty([starts[^1], 4]);
        Ops.Attention(q, k, v, From(starts), From(starts[..^1]), From(lengths), default, y, lse, 20, batch[0].Scale);
        float[] all = y.ToArray<float>();
        for (int s = 0; s < lengths.Length; s++)
        {
            if (lengths[s] > 0)
            {
                AssertSameBits(Forward(batch[s]).Y, all.AsSpan(starts[s] * 80, lengths[s] * 80));
            }
        }
    }

    [Theory]
    [InlineData(32)]
    [InlineData(64)]
    public void PagesHaveTheBitsOfContiguousKeys(int pageSize)
    {
        const int Pages = 20, PerSequence = 10;
        Sequence one = new(300, 4, 2, 24, seed: 4), two = new(45, 4, 2, 24, seed: 5);
        int[] shuffled = [.. Enumerable.Range(0, Pages).OrderBy(page => page * 7919 % 31)];
        float[] k = new float[Pages * pageSize * 48], v = new float[k.Length];
        Array.Fill(k, NoNumber);
        Array.Fill(v, NoNumber);
        foreach ((Sequence sequence, int s) in (ReadOnlySpan<(Sequence, int)>)[(one, 0), (two, 1)])
        {
            for (int j = 0; j < sequence.Length; j++)
            {
                int row = shuffled[s * PerSequence + j / pageSize] * pageSize + j % pageSize;
                sequence.K.AsSpan(j * 48, 48).CopyTo(k.AsSpan(row * 48));
                sequence.V.AsSpan(j * 48, 48).CopyTo(v.AsSpan(row * 48));
            }
        }

        // The whole of one, and the last token of the other.
        Tensor q = From([.. one.Q, .. two.Q[^96..]], [301, 96]), y = Empty([301, 96]);
        Ops.Attention(q, From(k, [Pages * pageSize, 48]), From(v, [Pages * pageSize, 48]), From(0, 300, 301), default,
            From(300, 45), From(shuffled, [2, PerSequence]), y, default, 24, one.Scale, pageSize);
        float[] actual = y.ToArray<float>();
        AssertSameBits(Forward(one).Y, actual.AsSpan(0, 300 * 96));
        AssertSameBits(Forward(two, first: 44, count: 1).Y, actual.AsSpan(300 * 96));
    }

    [Fact]
    public void PlaceStrideAndAlignmentDoNotChangeBits()
    {
        Sequence one = new(50, 4, 2, 10, seed: 6);
        float[] expected = Forward(one).Y;
        const int Before = 5;
        Tensor fused = Zeros([Before + 50 + 2, 40 + 20 + 20 + 3]), y = Zeros([50, 47]);
        float[] wide = Normal((int)fused.Count, seed: 7);
        for (int i = 0; i < 50; i++)
        {
            Span<float> row = wide.AsSpan((Before + i) * 83);
            one.Q.AsSpan(i * 40, 40).CopyTo(row);
            one.K.AsSpan(i * 20, 20).CopyTo(row[41..]);
            one.V.AsSpan(i * 20, 20).CopyTo(row[61..]);
        }

        fused.CopyFrom<float>(wide);
        Ops.Attention(fused.Columns(0, 40).RowRange(Before, 50), fused.Columns(41, 20), fused.Columns(61, 20), From(0, 50),
            From(Before), From(50), default, y.Columns(3, 40), default, 10, one.Scale);
        float[] actual = y.ToArray<float>();
        for (int i = 0; i < 50; i++)
        {
            AssertSameBits(expected.AsSpan(i * 40, 40), actual.AsSpan(i * 47 + 3, 40));
        }
    }

    [Fact]
    public void LaterTokensDoNotTouchEarlierOnes()
    {
        Sequence one = new(100, 2, 2, 12, seed: 8), spoiled = new(100, 2, 2, 12, seed: 8);
        spoiled.Q.AsSpan(70 * 24).Fill(NoNumber);
        spoiled.K.AsSpan(70 * 24).Fill(float.PositiveInfinity);
        spoiled.V.AsSpan(70 * 24).Fill(NoNumber);
        AssertSameBits(Forward(one).Y.AsSpan(0, 70 * 24), Forward(spoiled).Y.AsSpan(0, 70 * 24));
    }

    [Fact]
    public void LargeScoresStayFinite()
    {
        Sequence one = new(300, 2, 1, 16, seed: 9, scale: 1e4f);
        (float[] y, float[] lse) = Forward(one);
        Assert.All(y, value => Assert.True(float.IsFinite(value)));
        Assert.All(lse, value => Assert.True(float.IsFinite(value)));
        Assert.True(lse.Max() > 1e3);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void ThreadCountsDoNotChangeBits(int threads)
    {
        Sequence one = new(300, 6, 2, 32, seed: 11);
        using AttentionTests other = new(threads);
        AssertSameBits(Forward(one).Y, other.Forward(one).Y);
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new AttentionTests(), tests => tests.Compute());

    private float[] Compute()
    {
        Sequence one = new(270, 3, 1, 21, seed: 12), small = new(40, 2, 2, 16, seed: 13);
        (float[] y, float[] lse) = Forward(one);
        return [.. y, .. lse, .. Forward(small).Y, .. Forward(one, first: 269, count: 1).Y];
    }

    [Fact]
    public void NamesTheIndexThatIsWrong()
    {
        Sequence one = new(40, 2, 2, 8, seed: 14);
        Tensor q = From(one.Q, [40, 16]), k = From(one.K, [40, 16]), y = Zeros([40, 16]);
        AssertRefused("k_starts[0]: wanted 0 to 0, got 1",
            () => Ops.Attention(q, k, k, From(0, 40), From(1), From(40), default, y, default, 8, 1));
        AssertRefused("k_lengths[0]: wanted 40 to 40, got 39",
            () => Ops.Attention(q, k, k, From(0, 40), From(0), From(39), default, y, default, 8, 1));
        AssertRefused("q_starts[1]",
            () => Ops.Attention(q, k, k, From(0, 39), From(0), From(40), default, y, default, 8, 1));
        AssertRefused("pages[1]: wanted 0 to 0, got 1",
            () => Ops.Attention(q, k, k, From(0, 40), default, From(40), From([0, 1], [1, 2]), y, default, 8, 1, 32));
        AssertRefused("shape.page_size",
            () => Ops.Attention(q, k, k, From(0, 40), default, From(40), From([0, 1], [1, 2]), y, default, 8, 1, 20));
        if (TestDevice.IsCpu)
        {
            AssertSameBits(new float[40 * 16], y.ToArray<float>()); // a GPU gives NaN
        }

        void AssertRefused(string message, Action call) =>
            Assert.Contains(message, Assert.Throws<DeviceException>(() =>
            {
                call();
                Device.Synchronize();
            }).Message, StringComparison.Ordinal);
    }

    private (float[] Y, float[] Lse) Forward(Sequence one, int first = 0, int? count = null)
    {
        int queries = count ?? one.Length;
        Tensor q = From(one.Q.AsSpan(first * one.QueryWidth, queries * one.QueryWidth).ToArray(), [queries, one.QueryWidth]);
        int keys = first + queries, width = one.KeyWidth;
        Tensor k = From(one.K[..(keys * width)], [keys, width]), v = From(one.V[..(keys * width)], [keys, width]);
        Tensor y = Empty([queries, one.QueryWidth]), lse = Empty([queries, one.Heads]);
        Ops.Attention(q, k, v, From(0, queries), From(0), From(keys), default, y, lse, one.HeadDim, one.Scale);
        return (y.ToArray<float>(), lse.ToArray<float>());
    }

    private sealed class Sequence(int length, int heads, int keyHeads, int headDim, int seed, float scale = 1)
    {
        public int Length => length;

        public int Heads => heads;

        public int HeadDim => headDim;

        public int QueryWidth => heads * headDim;

        public int KeyWidth => keyHeads * headDim;

        public float Scale { get; } = 1 / MathF.Sqrt(headDim);

        public float[] Q { get; } = Normal(length * heads * headDim, 3 * seed, scale);

        public float[] K { get; } = Normal(length * keyHeads * headDim, 3 * seed + 1);

        public float[] V { get; } = Normal(length * keyHeads * headDim, 3 * seed + 2);

        public AttentionReference Reference() => new(Q, K, V, length, heads, keyHeads, headDim, Scale);
    }
}
