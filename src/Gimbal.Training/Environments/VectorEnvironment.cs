namespace Gimbal.Training;

/// <summary>
/// Several environments stepped side by side. Where a step ends an episode, <see cref="FinalObservations"/> keeps the observation that
/// ended it, the environment is reset at once, and <see cref="Observations"/> holds the first one of the next episode.
/// </summary>
/// <remarks>
/// Episode e of environment i is seeded by (seed, i, e), so that results do not depend on the number of threads.
/// Steps and resets allocate nothing beyond what the environments themselves do. All per-environment buffers are
/// overwritten by the next step. An episode's return is the plain sum of its rewards.
/// </remarks>
public sealed class VectorEnvironment : IDisposable
{
    private readonly IEnvironment[] environments;
    private readonly ulong seed;
    private readonly StepTeam team;
    private readonly long[] episodes;
    private readonly double[] runningReturns;
    private readonly int[] runningLengths;
    private readonly float[] observations;
    private readonly float[] finalObservations;
    private readonly float[] actions;
    private readonly float[] rewards;
    private readonly byte[] terminated;
    private readonly byte[] truncated;
    private readonly float[] episodeReturns;
    private readonly int[] episodeLengths;
    private bool started;

    /// <summary>Makes the environments; <see cref="Reset"/> starts them.</summary>
    /// <param name="create">Makes environment i.</param>
    /// <param name="count">Number of environments.</param>
    /// <param name="seed">Decides every episode.</param>
    /// <param name="threads">Threads that step them, each always the same ones; worth it only where a step takes many microseconds.</param>
    /// <exception cref="GimbalException">The environments differ in their spaces.</exception>
    public VectorEnvironment(Func<int, IEnvironment> create, int count, ulong seed, int threads = 1)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        environments = [.. Enumerable.Range(0, count).Select(create)];
        (ObservationSpace, ActionSpace) = (environments[0].Observations, environments[0].Actions);
        CheckSpaces();
        this.seed = seed;
        episodes = new long[count];
        runningReturns = new double[count];
        runningLengths = new int[count];
        observations = new float[count * ObservationSpace.Size];
        finalObservations = new float[observations.Length];
        actions = new float[count * ActionSpace.Size];
        rewards = new float[count];
        terminated = new byte[count];
        truncated = new byte[count];
        episodeReturns = new float[count];
        episodeLengths = new int[count];
        team = new StepTeam(Math.Min(threads, count), count, StepOne);
    }

    /// <summary>Number of environments.</summary>
    public int Count => environments.Length;

    /// <summary>The observations of every environment.</summary>
    public Space ObservationSpace { get; }

    /// <summary>The actions of every environment.</summary>
    public Space ActionSpace { get; }

    /// <summary>Observations to act on, (count, observation size) row-major.</summary>
    public ReadOnlySpan<float> Observations => observations;

    /// <summary>Last observations of the episodes that the last step ended, (count, observation size); other rows are stale.</summary>
    public ReadOnlySpan<float> FinalObservations => finalObservations;

    /// <summary>Rewards of the last step, (count).</summary>
    public ReadOnlySpan<float> Rewards => rewards;

    /// <summary>1 where the last step ended an episode by the task itself, (count).</summary>
    public ReadOnlySpan<byte> Terminated => terminated;

    /// <summary>1 where a time limit ended the episode, (count); 0 where the task ended it in the same step.</summary>
    public ReadOnlySpan<byte> Truncated => truncated;

    /// <summary>Returns of the episodes that the last step ended, (count); other elements are stale.</summary>
    public ReadOnlySpan<float> EpisodeReturns => episodeReturns;

    /// <summary>Lengths of the episodes that the last step ended, (count); other elements are stale.</summary>
    public ReadOnlySpan<int> EpisodeLengths => episodeLengths;

    /// <summary>Starts the first episode of every environment.</summary>
    public void Reset()
    {
        Array.Clear(episodes);
        for (int i = 0; i < Count; i++)
        {
            StartEpisode(i);
        }

        started = true;
    }

    /// <summary>Steps every environment once, and resets those whose episode ends.</summary>
    /// <param name="actions">(count, action size) row-major.</param>
    /// <exception cref="GimbalException">An environment failed or gave a number that is not finite; names the environment.</exception>
    public void Step(ReadOnlySpan<float> actions)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(actions.Length, this.actions.Length, nameof(actions));
        if (!started)
        {
            throw new GimbalException("the environments were never started; call Reset before Step");
        }

        actions.CopyTo(this.actions);
        team.Run();
    }

    /// <summary>Writes the state of every environment and episode to a checkpoint.</summary>
    /// <remarks>An environment that is no <see cref="ISavableEnvironment"/> starts a new episode when loaded.</remarks>
    public void Save(BinaryWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(Count);
        for (int i = 0; i < Count; i++)
        {
            writer.Write(episodes[i]);
            writer.Write(runningReturns[i]);
            writer.Write(runningLengths[i]);
            foreach (float value in ObservationOf(observations, i))
            {
                writer.Write(value);
            }

            (environments[i] as ISavableEnvironment)?.Save(writer);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote, in place of <see cref="Reset"/>.</summary>
    /// <exception cref="GimbalException">The checkpoint is of another number of environments.</exception>
    public void Load(BinaryReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        int count = reader.ReadInt32();
        if (count != Count)
        {
            throw new GimbalException($"the checkpoint holds {count} environments, expected {Count}: resume with as many as the run had");
        }

        for (int i = 0; i < Count; i++)
        {
            episodes[i] = reader.ReadInt64();
            runningReturns[i] = reader.ReadDouble();
            runningLengths[i] = reader.ReadInt32();
            foreach (ref float value in ObservationOf(observations, i))
            {
                value = reader.ReadSingle();
            }

            if (environments[i] is ISavableEnvironment savable)
            {
                savable.Load(reader);
            }
            else
            {
                StartEpisode(i);
            }
        }

        started = true;
    }

    /// <summary>Ends the threads, and disposes of environments that can be disposed of.</summary>
    public void Dispose()
    {
        started = false;
        team.Dispose();
        foreach (IEnvironment environment in environments)
        {
            (environment as IDisposable)?.Dispose();
        }
    }

    private void StepOne(int i)
    {
        Span<float> observation = ObservationOf(observations, i);
        StepResult result;
        try
        {
            result = environments[i].Step(actions.AsSpan(i * ActionSpace.Size, ActionSpace.Size), observation);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new GimbalException($"{Describe(i)} failed at {Place(i)}: {error.Message}", error);
        }

        CheckFinite(i, result.Reward, observation);
        rewards[i] = result.Reward;
        terminated[i] = result.Terminated ? (byte)1 : (byte)0;
        truncated[i] = result.Truncated && !result.Terminated ? (byte)1 : (byte)0;
        runningReturns[i] += result.Reward;
        runningLengths[i]++;
        if (result.Done)
        {
            observation.CopyTo(ObservationOf(finalObservations, i));
            (episodeReturns[i], episodeLengths[i]) = ((float)runningReturns[i], runningLengths[i]);
            StartEpisode(i);
        }
    }

    private void StartEpisode(int i)
    {
        ulong environmentSeed = SplitMix64.Keyed(seed, (ulong)i).Next();
        environments[i].Reset(SplitMix64.Keyed(environmentSeed, (ulong)episodes[i]).Next(), ObservationOf(observations, i));
        CheckFinite(i, 0, ObservationOf(observations, i));
        episodes[i]++;
        (runningReturns[i], runningLengths[i]) = (0, 0);
    }

    private Span<float> ObservationOf(float[] buffer, int i) => buffer.AsSpan(i * ObservationSpace.Size, ObservationSpace.Size);

    private string Describe(int i) => $"environment {i} ({environments[i].GetType().Name})";

    private string Place(int i) => $"step {runningLengths[i] + 1} of episode {Math.Max(0, episodes[i] - 1)}";

    private void CheckSpaces()
    {
        for (int i = 1; i < environments.Length; i++)
        {
            if (environments[i].Observations != ObservationSpace || environments[i].Actions != ActionSpace)
            {
                throw new GimbalException($"environment {i} has other spaces than environment 0; all must have the same observations and actions");
            }
        }
    }

    private void CheckFinite(int i, float reward, ReadOnlySpan<float> observation)
    {
        if (!float.IsFinite(reward))
        {
            throw new GimbalException($"{Describe(i)} gave the reward {reward} at {Place(i)}, expected a finite number");
        }

        for (int element = 0; element < observation.Length; element++)
        {
            if (!float.IsFinite(observation[element]))
            {
                throw new GimbalException($"{Describe(i)} gave {observation[element]} as element {element} of the observation at {Place(i)}, expected a finite number");
            }
        }
    }
}
