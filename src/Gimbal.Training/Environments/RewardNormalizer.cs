using Gimbal.Models;

namespace Gimbal.Training;

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
