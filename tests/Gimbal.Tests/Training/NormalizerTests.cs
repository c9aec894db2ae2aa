using System.Text.Json;
using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class NormalizerTests
{
    [Fact]
    public void MomentsMatchGoldenBatches()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(SharedFolder.Require("golden/running_mean_std/sb3.json")));
        JsonElement root = golden.RootElement, outputs = root.GetProperty("outputs");
        float[] batches = [.. Data(root.GetProperty("inputs").GetProperty("batches")).Select(x => (float)x)];
        RunningMoments moments = new(2, root.GetProperty("params").GetProperty("epsilon").GetDouble());
        for (int batch = 0; batch < 3; batch++)
        {
            moments.Update(batches.AsSpan(batch * 14, 14));
            AssertClose(Data(outputs.GetProperty($"mean{batch}")), moments.Mean, 1e-9);
            AssertClose(Data(outputs.GetProperty($"var{batch}")), moments.Variance, 1e-9);
            Assert.Equal(Data(outputs.GetProperty($"count{batch}"))[0], moments.Count, 1e-9);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(33)]
    public void MomentsFromCountZeroAreThoseOfTheWholeStream(int size)
    {
        Random random = new(size);
        float[] stream = [.. Enumerable.Range(0, 101 * size).Select(_ => (float)(1e4 + random.NextDouble()))];
        RunningMoments moments = new(size, initialCount: 0);
        int row = 0;
        foreach (int rows in new[] { 1, 0, 8, 31, 61 })
        {
            moments.Update(stream.AsSpan(row * size, rows * size));
            row += rows;
        }

        for (int column = 0; column < size; column++)
        {
            double[] values = [.. Enumerable.Range(0, 101).Select(i => (double)stream[i * size + column])];
            double mean = values.Average();
            Assert.Equal(mean, moments.Mean[column], 1e-9);
            Assert.Equal(values.Average(x => (x - mean) * (x - mean)), moments.Variance[column], 1e-9);
        }

        Assert.Equal(101, moments.Count);
    }

    [Fact]
    public void ObservationsAreScaledAndClipped()
    {
        ObservationNormalizer normalizer = new(2);
        float[] normalized = new float[4];
        normalizer.Normalize([3, -4, 50, -50], normalized);
        Assert.Equal([3, -4, 10, -10], normalized, (a, b) => Math.Abs(a - b) < 1e-6);

        normalizer.UpdateAndNormalize([1, 10, 3, 30], normalized);
        RunningMoments reference = new(2);
        reference.Update([1, 10, 3, 30]);
        for (int i = 0; i < 4; i++)
        {
            double expected = (new[] { 1, 10, 3, 30 }[i] - reference.Mean[i % 2]) / Math.Sqrt(reference.Variance[i % 2] + 1e-8);
            Assert.Equal(expected, normalized[i], 1e-6);
        }

        double count = normalizer.Moments.Count;
        normalizer.Normalize([1, 2], normalized.AsSpan(0, 2));
        Assert.Equal(count, normalizer.Moments.Count);
    }

    [Fact]
    public void RewardsAreDividedByTheDeviationOfDiscountedReturns()
    {
        const float gamma = 0.9f;
        float[][] rewards = [[1, -2], [3, 0.5f], [-1, 100]];
        byte[][] terminated = [[0, 0], [1, 0], [0, 0]], truncated = [[0, 0], [0, 1], [0, 0]];
        RewardNormalizer normalizer = new(2, gamma);
        RunningMoments moments = new(1);
        double[] returns = new double[2];
        float[] normalized = new float[2];
        for (int step = 0; step < 3; step++)
        {
            returns = [.. returns.Zip(rewards[step], (past, reward) => gamma * past + reward)];
            moments.Update([(float)returns[0], (float)returns[1]]);
            normalizer.UpdateAndNormalize(rewards[step], terminated[step], truncated[step], normalized);
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(Math.Clamp(rewards[step][i] / Math.Sqrt(moments.Variance[0] + 1e-8), -10, 10), normalized[i], 1e-5);
            }

            returns = step == 1 ? [0, 0] : returns;
        }

        RewardNormalizer fresh = new(1, gamma);
        float[] one = new float[1];
        for (int i = 0; i < 20; i++)
        {
            fresh.UpdateAndNormalize([0.001f], [1], [0], one);
        }

        Assert.True(one[0] > 0, "the mean must not be subtracted");
        fresh.UpdateAndNormalize([1e6f], [1], [0], one);
        Assert.InRange(one[0], 1, 10);
    }

    [Fact]
    public void SavedStateContinuesAlike()
    {
        RewardNormalizer straight = new(2, 0.99f), loaded = new(2, 0.99f);
        float[] expected = new float[2], actual = new float[2];
        straight.UpdateAndNormalize([1, 2], [0, 0], [0, 0], expected);
        Reload(straight.Save, loaded.Load);
        straight.UpdateAndNormalize([3, -1], [0, 0], [0, 0], expected);
        loaded.UpdateAndNormalize([3, -1], [0, 0], [0, 0], actual);
        Assert.Equal(expected, actual);

        ObservationNormalizer first = new(2), second = new(2);
        first.UpdateAndNormalize([1, 2, 3, 5], new float[4]);
        Reload(first.Save, second.Load);
        first.Normalize([4, 4], expected);
        second.Normalize([4, 4], actual);
        Assert.Equal(expected, actual);

        Assert.Contains("another environment", Assert.Throws<GimbalException>(() => Reload(first.Save, new ObservationNormalizer(3).Load)).Message, StringComparison.Ordinal);
        Assert.Contains("2 environments, expected 4", Assert.Throws<GimbalException>(() => Reload(straight.Save, new RewardNormalizer(4, 1).Load)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BadSizesAreRefused()
    {
        Assert.Throws<ArgumentException>(() => new RunningMoments(2).Update([1, 2, 3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardNormalizer(2, 1.5f));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardNormalizer(2, 0.9f).UpdateAndNormalize([1], [0], [0], new float[1]));
    }

    private static void Reload(Action<BinaryWriter> save, Action<BinaryReader> load)
    {
        using MemoryStream stream = new();
        save(new BinaryWriter(stream));
        stream.Position = 0;
        load(new BinaryReader(stream));
    }

    private static double[] Data(JsonElement tensor) => [.. tensor.GetProperty("data").EnumerateArray().Select(x => x.GetDouble())];

    private static void AssertClose(double[] expected, ReadOnlySpan<double> actual, double tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }
}
