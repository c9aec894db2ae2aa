using System.Diagnostics;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;

namespace Gimbal.Training;

/// <summary>
/// What surrounds the steps of every trainer: the thread, the run folder, metrics, checkpoints, cancellation, the totals. The
/// algorithm is the <see cref="Step"/> it is given.
/// </summary>
internal sealed class TrainingRun
{
    /// <summary>Name of the algorithm, as in <c>grpo</c>.</summary>
    public required string Command { get; init; }

    /// <summary>Options of the trainer.</summary>
    public required TrainerOptions Options { get; init; }

    /// <summary>The device of the models.</summary>
    public required Device Device { get; init; }

    /// <summary>Steps to take in all.</summary>
    public required int Steps { get; init; }

    /// <summary>The models that train, under the names of their checkpoint files.</summary>
    public required IReadOnlyList<(string Name, ParameterStore Store, Optimizer Optimizer)> Models { get; init; }

    /// <summary>What the run has done so far; the trainer counts.</summary>
    public required TrainingTotals Totals { get; init; }

    /// <summary>One step, numbered from 0: rollout, update, metrics.</summary>
    public required Action<int, MetricRow> Step { get; init; }

    /// <summary>Writes the trained model into a folder.</summary>
    public required Action<string> SaveModel { get; init; }

    /// <summary>Writes what else a checkpoint needs, such as environments in the middle of an episode.</summary>
    public Action<BinaryWriter>? WriteState { get; init; }

    /// <summary>Reads what <see cref="WriteState"/> wrote.</summary>
    public Action<BinaryReader>? ReadState { get; init; }

    /// <summary>Bytes held at most: arenas, stores, caches.</summary>
    public required Func<long> PeakBytes { get; init; }

    /// <summary>Where events go.</summary>
    public required ILogger Logger { get; init; }

    /// <summary>The run folder, while the run goes on; null for a run without one.</summary>
    public RunFolder? Folder { get; private set; }

    /// <summary>Cancels what a step waits for, such as a reward; a step in progress is finished otherwise.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>Runs all steps on a thread of their own.</summary>
    /// <exception cref="OperationCanceledException">After the step in progress was finished and a checkpoint committed.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient is not finite; the last checkpoint stays.</exception>
    public Task<TrainingResult> StartAsync(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        TaskCompletionSource<TrainingResult> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread thread = new(() =>
        {
            try
            {
                completion.SetResult(Run(progress, cancellationToken));
            }
            catch (OperationCanceledException canceled)
            {
                completion.SetCanceled(canceled.CancellationToken);
            }
            catch (Exception error)
            {
                completion.SetException(error);
            }
        })
        {
            Name = $"gimbal {Command}",
            IsBackground = true,
        };
        thread.Start();
        return completion.Task;
    }

    /// <summary>Keeps a completion for the reader of the run, on the steps that <see cref="TrainerOptions.SampleEvery"/> names.</summary>
    public void KeepSample(SampleRecord sample) => Folder?.WriteSample(sample);

    /// <summary>True on the steps whose samples are kept.</summary>
    public bool KeepsSamples(int step) => Folder is not null && Options.SampleEvery > 0 && step % Options.SampleEvery == 0;

    private TrainingResult Run(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        Cancellation = cancellationToken;
        using RunFolder? folder = RunFolder.For(Command, Options, Device.Name);
        Folder = folder;
        TrainingWatch watch = new(Options.Watch);
        Checkpoint checkpoint = new(Models, Totals, WriteState, ReadState);
        int start = 0;
        if (folder?.CheckpointStep is { } taken)
        {
            start = (int)checkpoint.Read(folder.CheckpointPath(taken));
            watch.Replay(folder.File("metrics.jsonl"));
            Log.Resumed(Logger, Command, start, folder.Path);
        }

        MetricRow metrics = new();
        Action<TrainingWarning> tell = Tell;
        Stopwatch clock = Stopwatch.StartNew();
        long tokensBefore = Totals.TrainedTokens + Totals.GeneratedTokens;
        int step = start;
        for (; step < Steps && !cancellationToken.IsCancellationRequested; step++)
        {
            long began = Stopwatch.GetTimestamp();
            metrics.Clear();
            TakeStep(step, metrics, folder);
            if (Totals.TrainedTokens > 0)
            {
                metrics[MetricNames.NumTokens] = Totals.TrainedTokens;
            }

            metrics[MetricNames.StepTime] = Stopwatch.GetElapsedTime(began).TotalSeconds;
            Report(step + 1, metrics, folder, progress);
            watch.Observe(step + 1, metrics, tell);
            bool isLast = step + 1 == Steps;
            if (folder is not null && (isLast || (Options.CheckpointEvery > 0 && (step + 1) % Options.CheckpointEvery == 0)))
            {
                Commit(folder, checkpoint, step + 1);
            }
        }

        if (step < Steps)
        {
            if (folder is not null && folder.CheckpointStep != step)
            {
                Commit(folder, checkpoint, step);
            }

            throw new OperationCanceledException(cancellationToken);
        }

        folder?.WriteModel(SaveModel);
        double seconds = clock.Elapsed.TotalSeconds;
        return new TrainingResult
        {
            Steps = step,
            Seconds = seconds,
            TrainedTokens = Totals.TrainedTokens,
            Samples = Totals.Samples,
            TokensPerSecond = (Totals.TrainedTokens + Totals.GeneratedTokens - tokensBefore) / Math.Max(seconds, 1e-9),
            PeakBytes = PeakBytes(),
            MismatchBits = Totals.MismatchBits,
            ComparedTokens = Totals.ComparedTokens,
            Metrics = metrics.ToDictionary(),
            Warnings = watch.Warnings,
            Output = folder?.Path,
        };
    }

    // An optimizer counts its own steps, several of them to one of the run; what stops the run names the run's.
    private void TakeStep(int step, MetricRow metrics, RunFolder? folder)
    {
        try
        {
            Step(step, metrics);
        }
        catch (TrainingDivergedException error)
        {
            throw Diverged(step + 1, error.Tensor, folder);
        }

        if (!double.IsFinite(metrics[MetricNames.Loss]))
        {
            throw Diverged(step + 1, "the loss", folder);
        }
    }

    private static TrainingDivergedException Diverged(int step, string tensor, RunFolder? folder) =>
        new(step, tensor, "Lower optimizer.learning_rate, or look at the data of this step. " + (folder?.CheckpointStep is { } last
            ? $"The last good checkpoint is {folder.CheckpointPath(last)}; go on from it with --resume {folder.Path}."
            : "There is no checkpoint to go on from; set train.checkpoint_every."));

    private void Tell(TrainingWarning warning) =>
        Log.Warned(Logger, Command, warning.Step, warning.Kind, warning.Value, warning.Threshold, warning.Remedy);

    private void Report(int taken, MetricRow metrics, RunFolder? folder, IProgress<TrainingProgress>? progress)
    {
        folder?.Metrics.Write(taken, metrics);
        progress?.Report(new TrainingProgress(taken, Steps, metrics));
        if (taken % Options.LogEvery == 0 || taken == Steps)
        {
            Log.Stepped(Logger, Command, taken, Steps, metrics[MetricNames.Loss]);
        }
    }

    // A gradient may be finite and its step not: weights that are no numbers never replace a good checkpoint.
    private void Commit(RunFolder folder, Checkpoint checkpoint, int taken)
    {
        foreach ((string name, ParameterStore store, Optimizer _) in Models)
        {
            if (FirstNotFinite(store) is { } parameter)
            {
                throw Diverged(taken, $"the weight {parameter} of the {name}", folder);
            }
        }

        folder.WriteCheckpoint(taken, Options.KeepCheckpoints, path => checkpoint.Write(path, taken));
        Log.Committed(Logger, Command, taken, folder.Path);
    }

    private static string? FirstNotFinite(ParameterStore store) =>
        store.Parameters.FirstOrDefault(parameter => parameter.Read().Any(value => !float.IsFinite(value)))?.Name;
}

/// <summary>Log messages of the trainers.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{Command}: step {Step} of {Steps}, loss {Loss:G5}")]
    public static partial void Stepped(ILogger logger, string command, int step, int steps, double loss);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Command}: goes on after step {Step} of {Folder}")]
    public static partial void Resumed(ILogger logger, string command, int step, string folder);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Command}: checkpoint after step {Step} in {Folder}")]
    public static partial void Committed(ILogger logger, string command, int step, string folder);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Command}: {Plan}")]
    public static partial void Planned(ILogger logger, string command, MemoryPlan plan);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Command}: step {Step}: {Kind} is {Value:G4}, beyond {Threshold:G4}; {Remedy}")]
    public static partial void Warned(ILogger logger, string command, long step, string kind, double value, double threshold, string remedy);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Command}: reward '{Reward}' gave no score for {Count} of {Samples} samples, first for the prompt {Prompt}: {Cause}")]
    public static partial void RewardFailed(ILogger logger, string command, string reward, int count, int samples, string prompt, string cause);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Command}: {Long} of {Count} pairs have a side of more than {Longest} tokens; {LeftOut} pairs were left out, others cut")]
    public static partial void LongPairs(ILogger logger, string command, int @long, int count, int longest, int leftOut);
}
