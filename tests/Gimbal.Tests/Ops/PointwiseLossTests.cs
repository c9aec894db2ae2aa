using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// Tests of a loss taken element by element: loss, gradients and statistics against the formula in double, the gradients
/// against finite differences, weights, chunks, and all that holds for every op.
/// </summary>
public abstract class PointwiseLossTests(int threads) : InvariantOpTests(threads)
{
    /// <summary>The formula at one element; <paramref name="Sums"/> are the statistics after the first three.</summary>
    protected readonly record struct Point(double Loss, double[] Gradients, double[] Sums);

    /// <summary>Random inputs, the differentiated ones first.</summary>
    protected abstract float[][] Inputs(int count, int seed);

    /// <summary>The plain formula, <paramref name="x"/> being one element of each input.</summary>
    protected abstract Point Reference(double[] x);

    /// <summary>The op; empty tensors for what is not wanted.</summary>
    protected abstract void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics);

    protected override float[] Compute() => Run(Inputs(LargeCount, seed: 1), Weights(LargeCount)).Everything;

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheFormula(int count)
    {
        float[][] inputs = Inputs(count, seed: 2);
        float[] weights = Weights(count);
        Result result = Run(inputs, weights);
        Point[] points = [.. Enumerable.Range(0, count).Select(i => At(inputs, i))];
        AssertClose([.. points.Select((p, i) => Weighted(weights[i], p.Loss))], result.Losses, Relative, Absolute);
        for (int g = 0; g < result.Gradients.Length; g++)
        {
            AssertClose([.. points.Select((p, i) => Weighted(weights[i], p.Gradients[g]))], result.Gradients[g], Relative,
                Absolute);
        }

        AssertStatistics(points, weights, result.Statistics);
    }

    [Fact]
    public void TheGradientIsTheDerivative()
    {
        const int Count = 33;
        float[][] inputs = Inputs(Count, seed: 3);
        int differentiated = At(inputs, 0).Gradients.Length;
        double[] x = [.. inputs.Take(differentiated).SelectMany(v => v).Select(v => (double)v)];
        double Total(double[] values) => Enumerable.Range(0, Count).Sum(i => Reference(
            [.. inputs.Select((input, k) => k < differentiated ? values[k * Count + i] : input[i])]).Loss);
        Point[] points = [.. Enumerable.Range(0, Count).Select(i => At(inputs, i))];
        AssertIsGradient(Total, x, [.. Enumerable.Range(0, differentiated).SelectMany(g => points.Select(p => p.Gradients[g]))]);
    }

    [Fact]
    public void WeightZeroLeavesNoTrace()
    {
        const int Count = 50;
        float[][] inputs = Inputs(Count, seed: 4), spoiled = Inputs(Count, seed: 4);
        float[] weights = Weights(Count), none = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        Assert.Contains(0f, weights);
        for (int i = 0; i < Count; i++)
        {
            for (int k = 0; k < inputs.Length && weights[i] == 0; k++)
            {
                spoiled[k][i] = none[(i + k) % 3];
            }
        }

        Result expected = Run(inputs, weights), actual = Run(spoiled, weights);
        AssertSameBits(expected.Everything, actual.Everything);
        Assert.All(Enumerable.Range(0, Count).Where(i => weights[i] == 0), i => Assert.Equal(0, actual.Losses[i]));
    }

    [Fact]
    public void NoWeightsAreOnes()
    {
        float[][] inputs = Inputs(100, seed: 5);
        AssertSameBits(Run(inputs, [.. Enumerable.Repeat(1f, 100)]).Everything, Run(inputs, null).Everything);
    }

    [Fact]
    public void ChunkedCallsAddUp()
    {
        const int Count = 1000, Cut = 333;
        float[][] inputs = Inputs(Count, seed: 6);
        float[] weights = Weights(Count);
        Result whole = Run(inputs, weights), first = Run([.. inputs.Select(v => v[..Cut])], weights[..Cut]);
        Result both = Run([.. inputs.Select(v => v[Cut..])], weights[Cut..], first.Statistics);
        AssertSameBits(whole.Losses, [.. first.Losses, .. both.Losses]);
        Assert.All(whole.Statistics.Zip(both.Statistics),
            pair => Assert.Equal(pair.First, pair.Second, 1e-12 * (1 + Math.Abs(pair.First))));
    }

    [Fact]
    public void EveryOutputIsOptional()
    {
        float[][] inputs = Inputs(20, seed: 7);
        Tensor[] tensors = [.. inputs.Select(v => From(v))];
        Result all = Run(inputs, null);
        Tensor losses = Output([20]);
        Tensor[] none = [.. all.Gradients.Select(_ => default(Tensor))];
        Call(tensors, default, losses, none, default);
        AssertSameBits(all.Losses, losses.ToArray<float>());
        Tensor[] gradients = [.. all.Gradients.Select(_ => Output([20]))];
        Call(tensors, default, default, gradients, default);
        AssertSameBits(all.Gradients[0], gradients[0].ToArray<float>());
    }

    /// <summary>Tolerances of <see cref="IsTheFormula"/>; measured: at most 0.34 of them.</summary>
    protected virtual double Relative => 2e-6;

    protected virtual double Absolute => 1e-6;

    protected sealed record Result(float[] Losses, float[][] Gradients, double[] Statistics)
    {
        /// <summary>All of it as floats; a statistic as its rounded value and the rest.</summary>
        public float[] Everything =>
        [
            .. Losses, .. Gradients.SelectMany(g => g), .. Statistics.Select(s => (float)s),
            .. Statistics.Select(s => double.IsFinite(s) ? (float)(s - (float)s) : 0),
        ];
    }

    protected Result Run(float[][] inputs, float[]? weights, double[]? statistics = null)
    {
        int count = inputs[0].Length;
        Point point = Reference([.. inputs.Select(v => 0.0)]);
        Tensor losses = Output([count]), sums = Zeros([3 + point.Sums.Length], DType.Float64);
        if (statistics is not null)
        {
            sums.CopyFrom<double>(statistics);
        }

        Tensor[] gradients = [.. point.Gradients.Select(_ => Output([count]))];
        Call([.. inputs.Select(v => Place(v, [count]))], weights is null ? default : Place(weights, [count]), losses,
            gradients, sums);
        return new Result(losses.ToArray<float>(), [.. gradients.Select(g => g.ToArray<float>())], sums.ToArray<double>());
    }

    /// <summary>Positive weights of different sizes, every fifth 0.</summary>
    protected static float[] Weights(int count) =>
        [.. Normal(count, seed: 8).Select((v, i) => i % 5 == 3 ? 0 : 0.1f + Math.Abs(v))];

    private Point At(float[][] inputs, int i) => Reference([.. inputs.Select(v => (double)v[i])]);

    private static double Weighted(double weight, double value) => weight == 0 ? 0 : weight * value;

    private void AssertStatistics(Point[] points, float[] weights, double[] statistics)
    {
        int[] present = [.. Enumerable.Range(0, points.Length).Where(i => weights[i] != 0)];
        double[] expected =
        [
            present.Sum(i => weights[i] * points[i].Loss), present.Sum(i => (double)weights[i]), present.Length,
            .. Enumerable.Range(0, points[0].Sums.Length).Select(s => present.Sum(i => points[i].Sums[s])),
        ];
        for (int s = 0; s < expected.Length; s++)
        {
            double size = s < 3 ? expected[1] : present.Sum(i => Math.Abs(points[i].Sums[s - 3]));
            Assert.True(Math.Abs(statistics[s] - expected[s]) <= 1e-6 * size + Absolute,
                $"statistic {s}: wanted {expected[s]:R}, got {statistics[s]:R}");
        }
    }
}
