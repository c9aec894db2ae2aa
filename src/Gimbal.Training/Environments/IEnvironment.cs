namespace Gimbal.Training;

/// <summary>A control task: an agent acts, the environment answers with an observation and a reward.</summary>
/// <remarks>One environment is used by one thread at a time. After an episode has ended it is reset before the next step.</remarks>
public interface IEnvironment
{
    /// <summary>The observations, a box.</summary>
    Space Observations { get; }

    /// <summary>The actions: a box, or a discrete space whose index arrives in <c>action[0]</c>.</summary>
    Space Actions { get; }

    /// <summary>Starts an episode; the same seed gives the same start.</summary>
    /// <param name="seed">Decides everything random in the episode.</param>
    /// <param name="observation">Receives the first observation.</param>
    void Reset(ulong seed, Span<float> observation);

    /// <summary>Takes one step.</summary>
    /// <param name="action">Within <see cref="Actions"/>: the trainer clips what the policy drew.</param>
    /// <param name="observation">Receives the observation after the step, the last one of the episode included.</param>
    StepResult Step(ReadOnlySpan<float> action, Span<float> observation);
}

/// <summary>An environment whose state can be kept in a checkpoint, so that a resumed run continues in the middle of an episode.</summary>
public interface ISavableEnvironment : IEnvironment
{
    /// <summary>Writes the state of the running episode.</summary>
    void Save(BinaryWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    void Load(BinaryReader reader);
}

/// <summary>What a step brought.</summary>
/// <param name="Reward">Reward of the step.</param>
/// <param name="Terminated">The task itself ended the episode: nothing follows, the value of the last observation is 0.</param>
/// <param name="Truncated">A time limit ended the episode: what would follow is estimated from the last observation.</param>
public readonly record struct StepResult(float Reward, bool Terminated, bool Truncated)
{
    /// <summary>Whether the episode is over.</summary>
    public bool Done => Terminated || Truncated;
}
