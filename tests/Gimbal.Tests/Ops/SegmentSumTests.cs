using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SegmentSumTests : InvariantOpTests
{
    public SegmentSumTests() : base(1) { }

    private SegmentSumTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(33)]
    [InlineData(803)]
    public void SumsEachSegment(int segments)
    {
        int[] starts = Starts(segments);
        float[] x = Normal(starts[^1], seed: 1), dy = Normal(segments, seed: 2);
        Tensor y = Output([segments]), dx = Output([x.Length]);
        Ops.SegmentSum(From(x, [x.Length]), From(starts), y);
        double[] expected = [.. Enumerable.Range(0, segments).Select(s => x[starts[s]..starts[s + 1]].Sum(v => (double)v))];
        AssertClose(expected, y.ToArray<float>(), relative: 1e-6, absolute: 4e-6);
        Ops.SegmentSumBackward(From(dy), From(starts), dx);
        AssertSameBits([.. Enumerable.Range(0, segments).SelectMany(s => Enumerable.Repeat(dy[s], starts[s + 1] - starts[s]))],
            dx.ToArray<float>());
    }

    [Fact]
    public void ASegmentHasTheSameBitsWhereverItLies()
    {
        float[] segment = Normal(77, seed: 3);
        float[] Summed(int before)
        {
            Tensor y = Output([2]);
            float[] x = [.. Normal(before, seed: 4), .. segment];
            Ops.SegmentSum(From(x), From(0, before, before + 77), y);
            return [y.ToArray<float>()[1]];
        }

        foreach (int before in new[] { 1, 2, 15, 16, 33 })
        {
            AssertSameBits(Summed(0), Summed(before));
        }
    }

    [Fact]
    public void ElementsOfNoSegmentGetNoGradient()
    {
        Tensor dx = Output([6]);
        Ops.SegmentSumBackward(From(2f, 3f), From(1, 3, 5), dx);
        AssertSameBits([0, 2, 2, 3, 3, 0], dx.ToArray<float>());
    }

    [Theory]
    [InlineData(new[] { 0, 3, 2 }, "starts[2]: wanted 3 to 4, got 2")]
    [InlineData(new[] { -1, 3, 4 }, "starts[0]: wanted 0 to 4, got -1")]
    [InlineData(new[] { 0, 3, 5 }, "starts[2]: wanted 3 to 4, got 5")]
    public void StartsThatDoNotAscendWithinTheArrayAreNamed(int[] starts, string message)
    {
        Tensor y = Zeros([2]), dx = Zeros([4]);
        AssertOutOfRange(message, () => Ops.SegmentSum(From(1f, 2f, 3f, 4f), From(starts), y));
        AssertOutOfRange(message, () => Ops.SegmentSumBackward(From(1f, 2f), From(starts), dx));
        if (TestDevice.IsCpu)
        {
            Assert.All(y.ToArray<float>().Concat(dx.ToArray<float>()), v => Assert.Equal(0, v)); // a GPU gives NaN
        }
    }

    protected override float[] Compute()
    {
        int[] starts = Starts(803);
        Tensor y = Output([803]), dx = Output([starts[^1]]);
        Ops.SegmentSum(Place(Normal(starts[^1], seed: 5), [starts[^1]]), From(starts), y);
        Ops.SegmentSumBackward(y, From(starts), dx);
        return [.. y.ToArray<float>(), .. dx.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new SegmentSumTests(count);

    // Lengths 0 to 79; the last is never empty.
    private static int[] Starts(int segments)
    {
        Random random = new(6);
        int[] starts = new int[segments + 1];
        for (int s = 0; s < segments; s++)
        {
            starts[s + 1] = starts[s] + random.Next(80) + (s == segments - 1 ? 1 : 0);
        }

        return starts;
    }
}
