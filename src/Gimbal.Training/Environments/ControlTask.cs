namespace Gimbal.Training;

/// <summary>A classic control task: a few numbers of state in double, a time limit, a start drawn from the seed.</summary>
public abstract class ControlTask : ISavableEnvironment
{
    private readonly double[] state;
    private bool over = true;

    private protected ControlTask(string name, int stateSize, int maxSteps, Space observations, Space actions)
    {
        state = new double[stateSize];
        (Name, MaxSteps, Observations, Actions) = (name, maxSteps, observations, actions);
    }

    /// <summary>Name under which <see cref="ControlTasks"/> knows the task.</summary>
    public string Name { get; }

    /// <summary>Steps after which an episode is truncated.</summary>
    public int MaxSteps { get; }

    /// <inheritdoc/>
    public Space Observations { get; }

    /// <inheritdoc/>
    public Space Actions { get; }

    /// <summary>Steps taken in the running episode.</summary>
    public int Steps { get; private set; }

    /// <summary>The state, not the observation.</summary>
    public ReadOnlySpan<double> State => state;

    /// <inheritdoc/>
    public void Reset(ulong seed, Span<float> observation)
    {
        SplitMix64 random = SplitMix64.Keyed(seed, 0);
        Start(ref random, state);
        (Steps, over) = (0, false);
        Observe(state, observation[..Observations.Size]);
    }

    /// <summary>Starts an episode at a state of the caller's.</summary>
    /// <param name="start">As long as <see cref="State"/>.</param>
    /// <param name="observation">Receives the first observation.</param>
    public void ResetTo(ReadOnlySpan<double> start, Span<float> observation)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(start.Length, state.Length, nameof(start));
        start.CopyTo(state);
        (Steps, over) = (0, false);
        Observe(state, observation[..Observations.Size]);
    }

    /// <inheritdoc/>
    /// <exception cref="GimbalException">The action is outside its space or not finite, or the episode is over.</exception>
    public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
    {
        CheckAction(action);
        (double reward, bool terminated) = Advance(action[0]);
        bool truncated = !terminated && Steps >= MaxSteps;
        over = terminated || truncated;
        Observe(state, observation[..Observations.Size]);
        return new StepResult((float)reward, terminated, truncated);
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(Steps);
        writer.Write(over);
        foreach (double value in state)
        {
            writer.Write(value);
        }
    }

    /// <inheritdoc/>
    public void Load(BinaryReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Steps = reader.ReadInt32();
        over = reader.ReadBoolean();
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = reader.ReadDouble();
        }
    }

    /// <summary>One step of the dynamics in double, counted but without the time limit.</summary>
    internal (double Reward, bool Terminated) Advance(double action)
    {
        Steps++;
        return Move(action, state);
    }

    /// <summary>Draws the start of an episode.</summary>
    private protected abstract void Start(ref SplitMix64 random, Span<double> state);

    /// <summary>Moves the state by one step of the dynamics.</summary>
    private protected abstract (double Reward, bool Terminated) Move(double action, Span<double> state);

    /// <summary>Writes the observation of a state.</summary>
    private protected abstract void Observe(ReadOnlySpan<double> state, Span<float> observation);

    private void CheckAction(ReadOnlySpan<float> action)
    {
        if (over)
        {
            throw new GimbalException($"{Name}: the episode is over or was never started; call Reset before Step");
        }

        if (action.Length != 1)
        {
            throw new GimbalException($"{Name}: the action has {action.Length} elements, expected 1");
        }

        if (Actions.IsDiscrete && !(action[0] >= 0 && action[0] < Actions.Choices && action[0] == MathF.Floor(action[0])))
        {
            throw new GimbalException($"{Name}: action {action[0]}, expected an index from 0 to {Actions.Choices - 1}");
        }

        if (!float.IsFinite(action[0]))
        {
            throw new GimbalException($"{Name}: action {action[0]} is not finite; the policy has diverged, lower its learning rate");
        }
    }
}
