namespace Gimbal.Models;

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
