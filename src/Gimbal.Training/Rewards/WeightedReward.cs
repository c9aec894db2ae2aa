namespace Gimbal.Training;

/// <summary>Weighted sum of rewards; <see cref="Reward.Sum"/> makes one.</summary>
public sealed class WeightedReward : IReward
{
    private readonly (float Weight, IReward Reward)[] parts;

    internal WeightedReward(ReadOnlySpan<(float Weight, IReward Reward)> parts)
    {
        if (parts.IsEmpty)
        {
            throw new ArgumentException("a weighted sum needs at least one reward", nameof(parts));
        }

        foreach ((float weight, IReward reward) in parts)
        {
            ArgumentNullException.ThrowIfNull(reward, nameof(parts));
            if (!float.IsFinite(weight))
            {
                throw new ArgumentException($"the weight of reward '{reward.Name}' is {weight}, expected a finite number", nameof(parts));
            }
        }

        this.parts = parts.ToArray();
        Name = string.Join("+", this.parts.Select(part => part.Reward.Name));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The rewards with their weights, in the order given.</summary>
    public IReadOnlyList<(float Weight, IReward Reward)> Parts => parts;

    /// <inheritdoc/>
    public async ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, samples.Count, nameof(scores));
        scores.Span.Clear();
        float?[] part = new float?[samples.Count];
        foreach ((float weight, IReward reward) in parts)
        {
            await reward.ScoreAsync(samples, part, ct).ConfigureAwait(false);
            Span<float?> total = scores.Span;
            for (int i = 0; i < part.Length; i++)
            {
                total[i] = part[i] is { } value ? (total[i] ?? 0f) + weight * value : total[i];
            }
        }
    }
}
