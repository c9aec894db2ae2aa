namespace Gimbal.Training;

/// <summary>Scores of another reward, clipped to [-bound, bound].</summary>
internal sealed class ClippedReward(IReward inner, float bound) : IReward, IDisposable
{
    public string Name => inner.Name;

    public async ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        await inner.ScoreAsync(samples, scores, ct).ConfigureAwait(false);
        foreach (ref float? score in scores.Span)
        {
            score = score is { } value ? Math.Clamp(value, -bound, bound) : null;
        }
    }

    public void Dispose() => (inner as IDisposable)?.Dispose();
}
