namespace Gimbal.Training;

/// <summary>Another reward's scores in random order: a control that no algorithm may profit from.</summary>
internal sealed class ShuffledReward(IReward reward, ulong seed) : IReward
{
    private ulong calls;

    public string Name { get; } = reward.Name + ", shuffled";

    public async ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        await reward.ScoreAsync(samples, scores, ct).ConfigureAwait(false);
        SplitMix64.Keyed(seed, calls++).Shuffle(scores.Span);
    }
}
