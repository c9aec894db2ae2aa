using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// What a policy did in several environments over several steps, and what follows from it. All arrays are
/// (environments, steps) row-major, observations and actions with their elements behind: a sample is one row of each.
/// </summary>
internal sealed class ControlRollout
{
    private readonly List<int> truncatedRows = [];
    private float[] finalObservations = [];
    private float[] finalValues = [];
    private float[] gathered = [];

    public ControlRollout(int environments, int steps, int observationSize, int actionSize)
    {
        (Environments, Steps, ObservationSize, ActionSize) = (environments, steps, observationSize, actionSize);
        int count = environments * steps;
        Observations = new float[count * observationSize];
        Actions = new float[count * actionSize];
        (Logprobs, Values, Rewards) = (new float[count], new float[count], new float[count]);
        (TruncatedValues, Advantages, Returns) = (new float[count], new float[count], new float[count]);
        (Terminated, Truncated) = (new byte[count], new byte[count]);
        LastValues = new float[environments];
    }

    public int Environments { get; }

    public int Steps { get; }

    public int ObservationSize { get; }

    public int ActionSize { get; }

    /// <summary>Whether the critic's value follows where a time limit ended an episode; otherwise nothing does.</summary>
    public bool BootstrapsTruncated { get; init; } = true;

    /// <summary>Number of samples.</summary>
    public int Count => Environments * Steps;

    /// <summary>As the networks saw them.</summary>
    public float[] Observations { get; }

    /// <summary>As the policy drew them, not clipped.</summary>
    public float[] Actions { get; }

    /// <summary>Of the actions, under the policy that drew them.</summary>
    public float[] Logprobs { get; }

    /// <summary>The critic's, of the observations.</summary>
    public float[] Values { get; }

    public float[] Rewards { get; }

    public byte[] Terminated { get; }

    public byte[] Truncated { get; }

    /// <summary>The critic's, of the observation that a time limit made the last; 0 elsewhere.</summary>
    public float[] TruncatedValues { get; }

    /// <summary>The critic's, of the observations after the last step (environments).</summary>
    public float[] LastValues { get; }

    public float[] Advantages { get; }

    public float[] Returns { get; }

    /// <summary>Bytes of an arena for <see cref="Estimate"/>.</summary>
    public long EstimateBytes => (7L * sizeof(float) + 2) * Count + Environments * sizeof(float) + 16 * 64;

    /// <summary>Forgets the final observations of the last rollout.</summary>
    public void Clear() => truncatedRows.Clear();

    /// <summary>Keeps one step of every environment.</summary>
    public void Store(int step, ReadOnlySpan<float> observations, ReadOnlySpan<float> actions, ReadOnlySpan<float> logprobs,
        ReadOnlySpan<float> values, ReadOnlySpan<float> rewards, ReadOnlySpan<byte> terminated, ReadOnlySpan<byte> truncated)
    {
        for (int environment = 0; environment < Environments; environment++)
        {
            int row = environment * Steps + step;
            observations.Slice(environment * ObservationSize, ObservationSize).CopyTo(Observations.AsSpan(row * ObservationSize));
            actions.Slice(environment * ActionSize, ActionSize).CopyTo(Actions.AsSpan(row * ActionSize));
            (Logprobs[row], Values[row], Rewards[row]) = (logprobs[environment], values[environment], rewards[environment]);
            bool isCut = truncated[environment] != 0, ends = terminated[environment] != 0 || (isCut && !BootstrapsTruncated);
            (Terminated[row], Truncated[row], TruncatedValues[row]) = (ends ? (byte)1 : (byte)0, isCut && !ends ? (byte)1 : (byte)0, 0);
        }
    }

    /// <summary>Keeps the observation that a time limit made the last of its episode, on the networks' scale of the moment.</summary>
    public void StoreFinal(int environment, int step, ReadOnlySpan<float> observation, ObservationNormalizer? normalizer)
    {
        int start = truncatedRows.Count * ObservationSize;
        if (finalObservations.Length < start + ObservationSize)
        {
            Array.Resize(ref finalObservations, Math.Max(2 * finalObservations.Length, start + ObservationSize));
        }

        truncatedRows.Add(environment * Steps + step);
        Span<float> kept = finalObservations.AsSpan(start, ObservationSize);
        observation.CopyTo(kept);
        normalizer?.Normalize(kept, kept);
    }

    /// <summary>Asks the critic what would have followed: after the last step, and after every truncated episode.</summary>
    public void Bootstrap(ControlPolicy policy, ReadOnlySpan<float> observations)
    {
        policy.Values(observations, LastValues);
        finalValues = finalValues.Length < truncatedRows.Count ? new float[2 * truncatedRows.Count] : finalValues;
        policy.Values(finalObservations.AsSpan(0, truncatedRows.Count * ObservationSize), finalValues.AsSpan(0, truncatedRows.Count));
        for (int i = 0; i < truncatedRows.Count; i++)
        {
            TruncatedValues[truncatedRows[i]] = finalValues[i];
        }
    }

    /// <summary>Generalised advantage estimation; writes advantages and returns.</summary>
    public void Estimate(Arena arena, float gamma, float lambda)
    {
        using ArenaScope scope = arena.Enter();
        Tensor advantages = arena.Allocate(DType.Float32, [Environments, Steps], "gae");
        Tensor returns = arena.Allocate(DType.Float32, [Environments, Steps], "gae");
        Ops.Gae(Upload<float>(arena, DType.Float32, Rewards), Upload<float>(arena, DType.Float32, Values),
            LastTensor(arena), Upload<byte>(arena, DType.UInt8, Terminated), Upload<byte>(arena, DType.UInt8, Truncated),
            Upload<float>(arena, DType.Float32, TruncatedValues), default, advantages, returns, gamma, lambda);
        advantages.CopyTo<float>(Advantages);
        returns.CopyTo<float>(Returns);
    }

    /// <summary>The samples <paramref name="rows"/> of an array, <paramref name="width"/> elements each. Valid until the next call.</summary>
    public ReadOnlySpan<float> Gather(float[] source, int width, ReadOnlySpan<int> rows)
    {
        gathered = gathered.Length < rows.Length * width ? new float[rows.Length * width] : gathered;
        for (int i = 0; i < rows.Length; i++)
        {
            source.AsSpan(rows[i] * width, width).CopyTo(gathered.AsSpan(i * width, width));
        }

        return gathered.AsSpan(0, rows.Length * width);
    }

    /// <summary>1 - Var(returns - values) / Var(returns): 1 where the critic foresees every return, 0 where it foresees no more than
    /// their mean; NaN if all returns are equal.</summary>
    public double ExplainedVariance()
    {
        double mean = 0, meanError = 0;
        for (int i = 0; i < Count; i++)
        {
            mean += Returns[i];
            meanError += (double)Returns[i] - Values[i];
        }

        (mean, meanError) = (mean / Count, meanError / Count);
        double variance = 0, error = 0;
        for (int i = 0; i < Count; i++)
        {
            variance += (Returns[i] - mean) * (Returns[i] - mean);
            error += ((double)Returns[i] - Values[i] - meanError) * ((double)Returns[i] - Values[i] - meanError);
        }

        return variance == 0 ? double.NaN : 1 - error / variance;
    }

    private Tensor Upload<T>(Arena arena, DType dtype, T[] values) where T : unmanaged
    {
        Tensor tensor = arena.Allocate(dtype, [Environments, Steps], "gae");
        tensor.CopyFrom<T>(values);
        return tensor;
    }

    private Tensor LastTensor(Arena arena)
    {
        Tensor tensor = arena.Allocate(DType.Float32, new Shape(Environments), "gae");
        tensor.CopyFrom<float>(LastValues);
        return tensor;
    }
}
