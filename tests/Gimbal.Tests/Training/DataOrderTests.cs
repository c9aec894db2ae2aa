using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class DataOrderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(32)]
    [InlineData(8003)]
    public void EveryEpochHoldsEveryRowOnce(int count)
    {
        DataOrder order = new(count, 3);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            long start = (long)epoch * count;
            Assert.Equal(Enumerable.Range(0, count), Enumerable.Range(0, count).Select(i => order[start + i]).Order());
        }
    }

    [Fact]
    public void StepNumberAloneResumes()
    {
        DataOrder straight = new(50, 9);
        int[] expected = new int[12], resumed = new int[12];
        for (long step = 0; step < 20; step++)
        {
            straight.Fill(step, expected);
            new DataOrder(50, 9).Fill(step, resumed);
            Assert.Equal(expected, resumed);
            Assert.Equal(expected[5], straight[step * 12 + 5]);
        }

        straight.Fill(3, resumed);
        new DataOrder(50, 9).Fill(3, expected);
        Assert.Equal(expected, resumed);
    }

    [Fact]
    public void SeedsAndEpochsDiffer()
    {
        int[] First(ulong seed, long epoch)
        {
            DataOrder order = new(100, seed);
            return [.. Enumerable.Range(0, 100).Select(i => order[epoch * 100 + i])];
        }

        Assert.NotEqual(First(0, 0), First(1, 0));
        Assert.NotEqual(First(0, 0), First(0, 1));
        Assert.NotEqual(First(0, 1), First(1, 0));
        Assert.NotEqual(Enumerable.Range(0, 100), First(0, 0));
    }

    [Fact]
    public void EveryOrderOfThreeRowsIsAboutEquallyLikely()
    {
        Dictionary<string, int> seen = [];
        for (ulong seed = 0; seed < 6000; seed++)
        {
            DataOrder order = new(3, seed);
            string key = $"{order[0]}{order[1]}{order[2]}";
            seen[key] = seen.GetValueOrDefault(key) + 1;
        }

        // 6 orders at 1000 each: standard deviation 29, so 150 is five of them.
        Assert.Equal(6, seen.Count);
        Assert.All(seen.Values, times => Assert.InRange(times, 850, 1150));
    }

    [Fact]
    public void BadArgumentsAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DataOrder(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DataOrder(3, 1)[-1]);
    }
}
