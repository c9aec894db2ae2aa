using Gimbal.Tensors;

namespace Gimbal.Tests;

public class AttentionBackwardTests : OpTests
{
    public AttentionBackwardTests() { }

    private AttentionBackwardTests(int threads) : base(threads: threads) { }

    [Theory]
    [InlineData(1, 2, 2, 4)]
    [InlineData(9, 3, 1, 5)]
    [InlineData(31, 4, 4, 31)]
    [InlineData(32, 4, 2, 33)]
    [InlineData(33, 2, 2, 64)]
    [InlineData(70, 6, 2, 48)]
    [InlineData(257, 2, 1, 20)]
    [InlineData(40, 2, 2, 130)]
    public void IsTheFormula(int length, int heads, int keyHeads, int headDim)
    {
        Case one = new(length, heads, keyHeads, headDim, seed: 1);
        (double[] dq, double[] dk, double[] dv) = one.Reference().Backward(one.Dy);
        float[][] actual = Gradients(one);
        AssertClose(dq, actual[0], 1e-5, 2e-5); // measured: 8e-6 at most
        AssertClose(dk, actual[1], 1e-5, 2e-5);
        AssertClose(dv, actual[2], 1e-5, 2e-5);
    }

    [Fact]
    public void IsTheSlopeAlongRandomDirections()
    {
        const double Step = 1e-3;
        Case one = new(150, 4, 2, 24, seed: 2);
        float[][] gradients = Gradients(one);
        for (int trial = 0; trial < 3; trial++)
        {
            float[][] direction =
                [Normal(one.Q.Length, 50 + trial), Normal(one.K.Length, 60 + trial), Normal(one.V.Length, 70 + trial)];
            double slope = (Loss(Step) - Loss(-Step)) / (2 * Step), expected = 0;
            for (int part = 0; part < 3; part++)
            {
                expected += gradients[part].Zip(direction[part], (g, d) => (double)g * d).Sum();
            }

            Assert.Equal(slope, expected, Math.Abs(slope) * 2e-3 + 2e-2); // slopes of about 20

            double Loss(double step)
            {
                AttentionReference there = new(Moved(one.Q, 0), Moved(one.K, 1), Moved(one.V, 2), 150, 4, 2, 24, one.Scale);
                return there.Y.Zip(one.Dy, (y, dy) => y * dy).Sum();

                float[] Moved(float[] x, int part) => [.. x.Zip(direction[part], (a, d) => (float)(a + step * d))];
            }
        }
    }

    [Fact]
    public void ASequenceHasTheSameGradientsAloneAndInABatch()
    {
        int[] lengths = [33, 0, 70, 1], starts = [0, 33, 33, 103, 104];
        Case[] batch = [.. lengths.Select((length, s) => new Case(length, 4, 2, 20, seed: 10 + s))];
        Case all = new(batch);
        float[][] gradients = Gradients(all, starts);
        for (int s = 0; s < lengths.Length; s++)
        {
            if (lengths[s] > 0)
            {
                float[][] alone = Gradients(batch[s]);
                AssertSameBits(alone[0], gradients[0].AsSpan(starts[s] * 80, lengths[s] * 80));
                AssertSameBits(alone[1], gradients[1].AsSpan(starts[s] * 40, lengths[s] * 40));
                AssertSameBits(alone[2], gradients[2].AsSpan(starts[s] * 40, lengths[s] * 40));
            }
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void ThreadCountsDoNotChangeBits(int threads)
    {
        Case one = new(200, 6, 3, 32, seed: 3);
        using AttentionBackwardTests other = new(threads);
        foreach ((float[] here, float[] there) in Gradients(one).Zip(other.Gradients(one)))
        {
            AssertSameBits(here, there);
        }
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new AttentionBackwardTests(), tests => tests.Compute());

    private float[] Compute() =>
        [.. Gradients(new Case(70, 4, 2, 21, seed: 4)).SelectMany(gradient => gradient)];

    private float[][] Gradients(Case one, int[]? starts = null)
    {
        Shape queries = [one.Length, one.QueryWidth], keys = [one.Length, one.KeyWidth];
        Tensor q = From(one.Q, queries), k = From(one.K, keys), v = From(one.V, keys), dy = From(one.Dy, queries);
        Tensor y = Empty(queries), lse = Empty([one.Length, one.Heads]);
        Tensor dq = Empty(queries), dk = Empty(keys), dv = Empty(keys), qStarts = From(starts ?? [0, one.Length]);
        int[] lengths = starts is null ? [one.Length] : [.. starts.Skip(1).Zip(starts, (end, start) => end - start)];
        Ops.Attention(q, k, v, qStarts, From((starts ?? [0, 0])[..^1]), From(lengths), default, y, lse, one.HeadDim,
            one.Scale);
        Ops.AttentionBackward(q, k, v, y, lse, dy, qStarts, dq, dk, dv, one.HeadDim, one.Scale);
        return [dq.ToArray<float>(), dk.ToArray<float>(), dv.ToArray<float>()];
    }

    private sealed class Case
    {
        private readonly int keyHeads;

        public Case(int length, int heads, int keyHeads, int headDim, int seed)
        {
            (Length, Heads, this.keyHeads, HeadDim) = (length, heads, keyHeads, headDim);
            Q = Normal(length * QueryWidth, 4 * seed);
            K = Normal(length * KeyWidth, 4 * seed + 1);
            V = Normal(length * KeyWidth, 4 * seed + 2);
            Dy = Normal(length * QueryWidth, 4 * seed + 3);
        }

        /// <summary>Several sequences, one after another.</summary>
        public Case(Case[] parts)
        {
            (Length, Heads, keyHeads, HeadDim) =
                (parts.Sum(part => part.Length), parts[0].Heads, parts[0].keyHeads, parts[0].HeadDim);
            Q = [.. parts.SelectMany(part => part.Q)];
            K = [.. parts.SelectMany(part => part.K)];
            V = [.. parts.SelectMany(part => part.V)];
            Dy = [.. parts.SelectMany(part => part.Dy)];
        }

        public int Length { get; }

        public int Heads { get; }

        public int HeadDim { get; }

        public int QueryWidth => Heads * HeadDim;

        public int KeyWidth => keyHeads * HeadDim;

        public float Scale => 1 / MathF.Sqrt(HeadDim);

        public float[] Q { get; }

        public float[] K { get; }

        public float[] V { get; }

        public float[] Dy { get; }

        public AttentionReference Reference() => new(Q, K, V, Length, Heads, keyHeads, HeadDim, Scale);
    }
}
