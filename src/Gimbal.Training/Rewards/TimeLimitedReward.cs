namespace Gimbal.Training;

/// <summary>Another reward's scores, waited for no longer than a limit.</summary>
internal sealed class TimeLimitedReward(IReward inner, TimeSpan limit) : IReward, IDisposable
{
    public string Name => inner.Name;

    public async ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        // A reward left behind goes on writing: into an array that nobody reads any more.
        float?[] own = new float?[samples.Count];
        using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Task scoring = Task.Run(() => inner.ScoreAsync(samples, own, late.Token).AsTask(), ct);
        Task first = await Task.WhenAny(scoring, Task.Delay(limit, ct)).ConfigureAwait(false);
        if (first != scoring)
        {
            ct.ThrowIfCancellationRequested();
            await late.CancelAsync().ConfigureAwait(false);
            Observe(scoring);
            throw new TimeoutException($"reward '{inner.Name}' did not score {samples.Count} samples within {limit.TotalSeconds:G4} s");
        }

        await scoring.ConfigureAwait(false);
        own.CopyTo(scores);
    }

    public void Dispose() => (inner as IDisposable)?.Dispose();

    // What it fails with later is of no interest, and must not surface as unobserved.
    private static void Observe(Task scoring) => scoring.ContinueWith(static task => _ = task.Exception, CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
