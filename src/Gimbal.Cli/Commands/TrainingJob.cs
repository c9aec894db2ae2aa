using Gimbal.Cli.Compare;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>A trainer that is ready to run, and the judge of what it makes.</summary>
internal sealed class TrainingJob : IDisposable
{
    private readonly List<IDisposable> owned = [];

    /// <summary>What it trains on, as <c>summary.json</c> names it.</summary>
    public required string Task { get; init; }

    /// <summary>Runs the trainer.</summary>
    public Func<IProgress<TrainingProgress>, CancellationToken, Task<TrainingResult>>? Train { get; set; }

    /// <summary>What the trainer planned to need of the device's memory; null if it does not plan.</summary>
    public MemoryPlan? Memory { get; set; }

    /// <summary>Judges the model as it is; null if there is nothing to judge by.</summary>
    public Func<Judged>? Judge { get; set; }

    /// <summary>Hands something over that is disposed with the job, the last one first.</summary>
    public T Own<T>(T value) where T : IDisposable
    {
        owned.Add(value);
        return value;
    }

    public void Dispose()
    {
        for (int i = owned.Count - 1; i >= 0; i--)
            owned[i].Dispose();
    }
}

/// <summary>What a judge found.</summary>
/// <param name="Accuracy">Share of held-out problems, pairs or tokens that are right.</param>
/// <param name="Reward">Mean reward.</param>
/// <param name="Kl">Summed log-ratio to the start per completion.</param>
internal readonly record struct Judged(Proportion? Accuracy, double? Reward, double? Kl);
