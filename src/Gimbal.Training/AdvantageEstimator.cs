using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Advantages of completions from their rewards: baseline and scale of groups, the samples of one prompt in a row.</summary>
/// <param name="baseline">What is taken off.</param>
/// <param name="scale">What divides.</param>
/// <param name="epsilon">Added to a standard deviation.</param>
public sealed class AdvantageEstimator(AdvantageBaseline baseline, AdvantageScale scale, float epsilon)
{
    /// <summary>What <see cref="Estimate"/> saw.</summary>
    /// <param name="Groups">Groups with a score.</param>
    /// <param name="EqualGroups">Those whose scores are all equal.</param>
    /// <param name="StandardDeviation">Mean standard deviation of a group, or that of the batch.</param>
    public readonly record struct Summary(double Groups, double EqualGroups, double StandardDeviation);

    /// <summary>A = (r - baseline) / scale of every scored sample; 0 of the others.</summary>
    /// <param name="arena">Scratch memory.</param>
    /// <param name="scores">Rewards; null leaves a sample out of every mean.</param>
    /// <param name="groupSize">Samples of a prompt.</param>
    /// <param name="advantages">Written.</param>
    public Summary Estimate(Arena arena, ReadOnlySpan<float?> scores, int groupSize, Span<float> advantages)
    {
        ArgumentNullException.ThrowIfNull(arena);
        int groups = scores.Length / groupSize;
        float[] rewards = new float[scores.Length];
        byte[] scored = new byte[scores.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            (rewards[i], scored[i]) = (scores[i] ?? 0, (byte)(scores[i] is null ? 0 : 1));
        }

        using ArenaScope scope = arena.Enter();
        Tensor r = arena.Allocate(DType.Float32, new Shape(groups, groupSize)), mask = arena.Allocate(DType.UInt8, r.Shape);
        Tensor result = arena.Allocate(DType.Float32, r.Shape), counts = arena.Allocate(DType.Float64, new Shape(3));
        counts.Clear();
        r.CopyFrom<float>(rewards);
        mask.CopyFrom<byte>(scored);
        Ops.GroupAdvantages(r, mask, result, counts, epsilon, scale == AdvantageScale.Group);
        result.CopyTo(advantages);
        double[] sums = counts.ToArray<double>();
        Summary summary = new(sums[0], sums[1], sums[2] / Math.Max(1, sums[0]));
        if (baseline == AdvantageBaseline.None)
        {
            rewards.CopyTo(advantages);
        }
        else if (baseline == AdvantageBaseline.LeaveOneOut)
        {
            LeaveOneOut(scored, groupSize, advantages);
        }

        if (scale == AdvantageScale.Batch)
        {
            double deviation = Deviation(rewards, scored);
            Divide(advantages, deviation + epsilon);
            summary = summary with { StandardDeviation = deviation };
        }

        return summary;
    }

    /// <summary>Centres and scales the advantages of scored samples over the whole step: (A - mean) / (std + epsilon).</summary>
    public static void Normalize(ReadOnlySpan<float?> scores, float epsilon, Span<float> advantages)
    {
        byte[] scored = [.. scores.ToArray().Select(score => (byte)(score is null ? 0 : 1))];
        float[] values = advantages.ToArray();
        double mean = Mean(values, scored), deviation = Deviation(values, scored);
        for (int i = 0; i < advantages.Length; i++)
        {
            advantages[i] = scored[i] == 0 ? 0 : (float)((advantages[i] - mean) / (deviation + epsilon));
        }
    }

    // r - mean of the others = (r - mean) n / (n - 1). A sample without others has no baseline, and advantage 0.
    private static void LeaveOneOut(byte[] scored, int groupSize, Span<float> advantages)
    {
        for (int start = 0; start < advantages.Length; start += groupSize)
        {
            int count = scored.AsSpan(start, groupSize).Count((byte)1);
            foreach (ref float advantage in advantages.Slice(start, groupSize))
            {
                advantage = count > 1 ? (float)((double)advantage * count / (count - 1)) : 0;
            }
        }
    }

    private static void Divide(Span<float> advantages, double divisor)
    {
        foreach (ref float advantage in advantages)
        {
            advantage = (float)(advantage / divisor);
        }
    }

    private static double Mean(float[] values, byte[] scored)
    {
        double sum = 0;
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            (sum, count) = scored[i] == 0 ? (sum, count) : (sum + values[i], count + 1);
        }

        return sum / Math.Max(1, count);
    }

    private static double Deviation(float[] values, byte[] scored)
    {
        double mean = Mean(values, scored), squares = 0;
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            (squares, count) = scored[i] == 0 ? (squares, count) : (squares + (values[i] - mean) * (values[i] - mean), count + 1);
        }

        return Math.Sqrt(squares / Math.Max(1, count - 1));
    }
}
