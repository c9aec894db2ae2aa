namespace Gimbal.Training;

/// <summary>
/// Observations on a common scale: clip((x - mean) / sqrt(variance + 1e-8), -10, 10), with running moments over all environments.
/// </summary>
/// <remarks>CleanRL keeps moments of its own for every environment; here they are shared, so that one policy sees one scale.</remarks>
/// <param name="size">Elements of an observation.</param>
public sealed class ObservationNormalizer(int size)
{
    internal const double Epsilon = 1e-8;
    internal const double Clip = 10;

    /// <summary>The running moments.</summary>
    public RunningMoments Moments { get; } = new(size);

    /// <summary>Takes a batch into the moments and normalises it with them.</summary>
    /// <param name="observations">(rows, size) row-major.</param>
    /// <param name="normalized">As long; may be the same memory.</param>
    public void UpdateAndNormalize(ReadOnlySpan<float> observations, Span<float> normalized)
    {
        Moments.Update(observations);
        Normalize(observations, normalized);
    }

    /// <summary>Normalises with the moments as they are: for the final observations of truncated episodes, and for evaluation.</summary>
    /// <param name="observations">(rows, size) row-major.</param>
    /// <param name="normalized">As long; may be the same memory.</param>
    public void Normalize(ReadOnlySpan<float> observations, Span<float> normalized)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(normalized.Length, observations.Length, nameof(normalized));
        ReadOnlySpan<double> mean = Moments.Mean, variance = Moments.Variance;
        for (int column = 0; column < mean.Length; column++)
        {
            double scale = 1 / Math.Sqrt(variance[column] + Epsilon);
            for (int i = column; i < observations.Length; i += mean.Length)
            {
                normalized[i] = (float)Math.Clamp((observations[i] - mean[column]) * scale, -Clip, Clip);
            }
        }
    }

    /// <summary>Writes the moments to a checkpoint.</summary>
    public void Save(BinaryWriter writer) => Moments.Save(writer);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Load(BinaryReader reader) => Moments.Load(reader);
}

/// <summary>
/// Rewards on a common scale: clip(r / sqrt(variance + 1e-8), -10, 10), with the running variance of the discounted return
/// R = gamma R + r of every environment, which starts again from 0 after an episode ends. The mean is not subtracted.
/// </summary>
public sealed class RewardNormalizer
{
    private readonly float gamma;
    private readonly float[] returns;

    /// <summary>A normaliser for several environments stepped together.</summary>
    public RewardNormalizer(int environments, float gamma)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(environments);
        if (gamma is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(gamma), gamma, "expected a discount from 0 to 1");
        }

        this.gamma = gamma;
        returns = new float[environments];
    }

    /// <summary>Running moments of the discounted returns.</summary>
    public RunningMoments Moments { get; } = new(1);

    /// <summary>Takes the rewards of one step into the moments and normalises them.</summary>
    /// <param name="rewards">One an environment.</param>
    /// <param name="terminated">1 where the step ended its episode; likewise <paramref name="truncated"/>.</param>
    /// <param name="truncated">1 where a time limit ended it.</param>
    /// <param name="normalized">One an environment; may be the memory of <paramref name="rewards"/>.</param>
    public void UpdateAndNormalize(ReadOnlySpan<float> rewards, ReadOnlySpan<byte> terminated, ReadOnlySpan<byte> truncated, Span<float> normalized)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rewards.Length, returns.Length, nameof(rewards));
        ArgumentOutOfRangeException.ThrowIfNotEqual(normalized.Length, returns.Length, nameof(normalized));
        for (int i = 0; i < returns.Length; i++)
        {
            returns[i] = gamma * returns[i] + rewards[i];
        }

        Moments.Update(returns);
        double scale = 1 / Math.Sqrt(Moments.Variance[0] + ObservationNormalizer.Epsilon);
        for (int i = 0; i < returns.Length; i++)
        {
            normalized[i] = (float)Math.Clamp(rewards[i] * scale, -ObservationNormalizer.Clip, ObservationNormalizer.Clip);
            returns[i] = terminated[i] != 0 || truncated[i] != 0 ? 0 : returns[i];
        }
    }

    /// <summary>Writes moments and running returns to a checkpoint.</summary>
    public void Save(BinaryWriter writer)
    {
        Moments.Save(writer);
        writer.Write(returns.Length);
        foreach (float value in returns)
        {
            writer.Write(value);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="GimbalException">The checkpoint is of another number of environments.</exception>
    public void Load(BinaryReader reader)
    {
        Moments.Load(reader);
        int count = reader.ReadInt32();
        if (count != returns.Length)
        {
            throw new GimbalException($"saved returns of {count} environments, expected {returns.Length}: resume with as many as the run had");
        }

        for (int i = 0; i < count; i++)
        {
            returns[i] = reader.ReadSingle();
        }
    }
}
