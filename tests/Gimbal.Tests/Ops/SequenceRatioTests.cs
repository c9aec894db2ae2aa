using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SequenceRatioTests : InvariantOpTests
{
    public SequenceRatioTests() : base(1) { }

    private SequenceRatioTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1, true)]
    [InlineData(7, false)]
    [InlineData(33, true)]
    [InlineData(403, true)]
    public void IsTheSumOrMeanOfWhatCounts(int sequences, bool mean)
    {
        int[] starts = Starts(sequences);
        int count = starts[^1] + 5; // the last five belong to no sequence
        float[] old = Normal(count, seed: 1), logprobs = [.. old.Zip(Normal(count, seed: 2, scale: 0.3f), (o, d) => o + d)];
        float[] weights = Weights(count), dy = Normal(count, seed: 3);
        Tensor y = Output([count]), dx = Output([count]);
        Ops.SequenceRatio(From(logprobs), From(old), From(weights), From(starts), y, mean);
        Ops.SequenceRatioBackward(From(dy), From(weights), From(starts), dx, mean);
        double[] expected = new double[count], gradient = new double[count];
        for (int s = 0; s < sequences; s++)
        {
            int[] tokens = [.. Enumerable.Range(starts[s], starts[s + 1] - starts[s])], kept = [.. tokens.Where(t => weights[t] != 0)];
            double divisor = mean ? Math.Max(1, kept.Length) : 1;
            double value = kept.Sum(t => (double)(logprobs[t] - old[t])) / divisor, total = tokens.Sum(t => (double)dy[t]) / divisor;
            Array.ForEach(tokens, t => (expected[t], gradient[t]) = (value, weights[t] != 0 ? total : 0));
        }

        AssertClose(expected, y.ToArray<float>(), relative: 1e-6, absolute: 2e-6); // measured: 0.4 of it
        AssertClose(gradient, dx.ToArray<float>(), relative: 1e-6, absolute: 4e-6);
        Tensor added = From(dy);
        Ops.SequenceRatioBackward(From(dy), From(weights), From(starts), added, mean, accumulate: true);
        AssertClose([.. gradient.Zip(dy, (g, d) => g + d)], added.ToArray<float>(), relative: 1e-6, absolute: 4e-6);
    }

    // The map is linear, so that its transpose is its gradient: <y(x), dy> = <x, dx(dy)>.
    [Fact]
    public void TheGradientIsTheTranspose()
    {
        int[] starts = Starts(20);
        int count = starts[^1];
        float[] x = Normal(count, seed: 4), dy = Normal(count, seed: 5), weights = Weights(count);
        Tensor y = Output([count]), dx = Output([count]);
        Ops.SequenceRatio(From(x), From(new float[count]), From(weights), From(starts), y, mean: true);
        Ops.SequenceRatioBackward(From(dy), From(weights), From(starts), dx, mean: true);
        Assert.Equal(y.ToArray<float>().Zip(dy, (a, b) => (double)a * b).Sum(), dx.ToArray<float>().Zip(x, (a, b) => (double)a * b).Sum(), 1e-4);
    }

    [Fact]
    public void AnOnPolicySequenceHasRatioOneExactly()
    {
        float[] logprobs = Normal(100, seed: 6, scale: 10);
        Tensor y = Output([100]);
        Ops.SequenceRatio(From(logprobs), From(logprobs), default, From(0, 40, 100), y, mean: true);
        Assert.All(y.ToArray<float>(), v => Assert.Equal(0, v));
    }

    [Fact]
    public void TheClampHoldsEachToken()
    {
        Tensor y = Output([3]);
        Ops.SequenceRatio(From(50f, -50f, 1f), From(0f, 0f, 0f), default, From(0, 1, 3), y, mean: false, clamp: 20);
        AssertSameBits([20, -19, -19], y.ToArray<float>());
    }

    [Fact]
    public void WhatDoesNotCountLeavesNoTrace()
    {
        Tensor y = Output([3]);
        Ops.SequenceRatio(From(float.NaN, 1f, float.PositiveInfinity), From(0f, 0f, 0f), From(0f, 2f, 0f), From(0, 3), y, mean: true);
        AssertSameBits([1, 1, 1], y.ToArray<float>());
        Ops.SequenceRatio(From(float.NaN, 1f, 2f), From(0f, 0f, 0f), From(0f, 0f, 0f), From(0, 3), y, mean: true);
        AssertSameBits([0, 0, 0], y.ToArray<float>());
    }

    protected override float[] Compute()
    {
        int[] starts = Starts(803);
        int count = starts[^1];
        Tensor y = Output([count]), dx = Output([count]), weights = Place(Weights(count), [count]);
        Ops.SequenceRatio(Place(Normal(count, seed: 7), [count]), Place(Normal(count, seed: 8), [count]), weights, From(starts), y, mean: true);
        Ops.SequenceRatioBackward(y, weights, From(starts), dx, mean: true);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new SequenceRatioTests(count);

    private static float[] Weights(int count) => [.. Normal(count, seed: 9).Select((w, i) => i % 6 == 2 ? 0 : w)];

    // Lengths 0 to 79; the last is never empty.
    private static int[] Starts(int sequences)
    {
        Random random = new(10);
        int[] starts = new int[sequences + 1];
        for (int s = 0; s < sequences; s++)
        {
            starts[s + 1] = starts[s] + random.Next(80) + (s == sequences - 1 ? 1 : 0);
        }

        return starts;
    }
}
