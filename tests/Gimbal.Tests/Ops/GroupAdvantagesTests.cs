using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GroupAdvantagesTests : InvariantOpTests
{
    private const float Epsilon = 1e-4f;

    public GroupAdvantagesTests() : base(1) { }

    private GroupAdvantagesTests(int threads) : base(threads) { }

    public static TheoryData<int, int, bool> Shapes => new(
        from groups in new[] { 1, 7, 33 }
        from size in new[] { 1, 2, 7, 8, 9, 16, 31, 33, 513 }
        from scale in new[] { false, true }
        select (groups, size, scale));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int groups, int size, bool scale)
    {
        float[] rewards = Normal(groups * size, seed: 1, scale: 2);
        byte[] mask = [.. rewards.Select((_, i) => (byte)(i % 5 == 4 ? 0 : 1))];
        (float[] advantages, double[] statistics) = Run(rewards, mask, groups, size, scale);
        (double[] expected, double[] sums) = Reference(rewards, mask, groups, size, scale);
        // Measured: 3e-7 absolute.
        AssertClose(expected, advantages, relative: 1e-6, absolute: 1e-6);
        Assert.All(sums.Zip(statistics), pair => Assert.Equal(pair.First, pair.Second, 1e-6 * (1 + pair.First)));
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(-1e4f)]
    [InlineData(0f)]
    [InlineData(3.3333333f)]
    public void EqualRewardsGiveExactlyZero(float reward)
    {
        foreach (int size in new[] { 1, 2, 3, 7, 8, 31, 100 })
        {
            (float[] advantages, double[] statistics) = Run([.. Enumerable.Repeat(reward, 3 * size)], null, 3, size, true);
            Assert.All(advantages, v => Assert.Equal(0, v));
            Assert.Equal([3.0, 3, 0], statistics);
        }
    }

    [Fact]
    public void MaskedRewardsAreNotRead()
    {
        float[] rewards = [1, float.NaN, 3, 2, 2, float.PositiveInfinity];
        (float[] advantages, double[] statistics) = Run(rewards, [1, 0, 1, 1, 1, 0], 2, 3, true);
        double scaled = 1 / (Math.Sqrt(2) + Epsilon);
        AssertClose([-scaled, 0, scaled, 0, 0, 0], advantages, 1e-6, 0);
        Assert.Equal([2.0, 1, Math.Sqrt(2)], statistics);
    }

    [Fact]
    public void AGroupHasTheSameBitsAnywhere()
    {
        float[] group = Normal(13, seed: 2), others = Normal(13 * 40, seed: 3);
        (float[] alone, _) = Run(group, null, 1, 13, true);
        (float[] among, _) = Run([.. others[..(13 * 21)], .. group, .. others[(13 * 21)..]], null, 41, 13, true);
        AssertSameBits(alone, among.AsSpan(13 * 21, 13));
    }

    [Fact]
    public void StatisticsAddUpOverCalls()
    {
        float[] rewards = Normal(60, seed: 4);
        (_, double[] whole) = Run(rewards, null, 10, 6, true);
        (_, double[] first) = Run(rewards[..24], null, 4, 6, true);
        (_, double[] both) = Run(rewards[24..], null, 6, 6, true, first);
        Assert.All(whole.Zip(both), pair => Assert.Equal(pair.First, pair.Second, 1e-12 * (1 + pair.First)));
    }

    [Fact]
    public void ANaNRewardShows() => Assert.All(Run([1, float.NaN, 1], null, 1, 3, true).Advantages, v => Assert.True(float.IsNaN(v)));

    [Fact]
    public void NamesTheScalarThatIsWrong() => AssertInvalid("epsilon",
        () => Ops.GroupAdvantages(Zeros([1, 2]), default, Zeros([1, 2]), default, float.NaN));

    protected override float[] Compute()
    {
        float[] Both(int groups, int size, byte[]? mask)
        {
            (float[] advantages, double[] statistics) = Run(Normal(groups * size, seed: 5), mask, groups, size, true);
            return [.. advantages, .. statistics.Select(s => (float)s), .. statistics.Select(s => (float)(s - (float)s))];
        }

        // A group of at most sixteen goes another way than a larger one.
        return [.. Both(6001, 7, null), .. Both(701, 37, [.. Enumerable.Range(0, 701 * 37).Select(i => (byte)(i % 3))])];
    }

    protected override InvariantOpTests WithThreads(int count) => new GroupAdvantagesTests(count);

    private (float[] Advantages, double[] Statistics) Run(float[] rewards, byte[]? mask, int groups, int size, bool scale,
        double[]? before = null)
    {
        Tensor advantages = Output([groups, size]), statistics = From(before ?? new double[3]);
        Ops.GroupAdvantages(Place(rewards, [groups, size]), mask is null ? default : From(mask), advantages, statistics, Epsilon,
            scale);
        return (advantages.ToArray<float>(), statistics.ToArray<double>());
    }

    private static (double[] Advantages, double[] Statistics) Reference(float[] rewards, byte[] mask, int groups, int size,
        bool scale)
    {
        double[] advantages = new double[rewards.Length], statistics = new double[3];
        for (int g = 0; g < groups; g++)
        {
            int[] kept = [.. Enumerable.Range(g * size, size).Where(i => mask[i] != 0)];
            if (kept.Length == 0)
            {
                continue;
            }

            double mean = kept.Average(i => (double)rewards[i]);
            double std = kept.Length < 2 ? 0 : Math.Sqrt(kept.Sum(i => Math.Pow(rewards[i] - mean, 2)) / (kept.Length - 1));
            foreach (int i in kept)
            {
                advantages[i] = (rewards[i] - mean) / (scale ? std + Epsilon : 1);
            }

            statistics[0]++;
            statistics[1] += std == 0 ? 1 : 0;
            statistics[2] += std;
        }

        return (advantages, statistics);
    }
}
