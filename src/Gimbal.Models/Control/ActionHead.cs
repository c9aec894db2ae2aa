using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>What names a draw of actions: the same for the same seed, step and environment, in any batch.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Step of the environments, from the start of the run; where noise is held, the number of the noise.</param>
/// <param name="FirstEnvironment">Environment of the first row.</param>
internal readonly record struct ActionDraw(ulong Seed, ulong Step, int FirstEnvironment);

/// <summary>What the actor says of observations.</summary>
/// <param name="Last">Of its last layer: means (rows, action size) or logits (rows, choices).</param>
/// <param name="Features">What the last layer saw (rows, width).</param>
internal readonly record struct ActorOutput(Tensor Last, Tensor Features);

/// <summary>Log-probabilities (rows) and entropies (rows) of actions, and what their backward needs.</summary>
/// <param name="Logprob">(rows).</param>
/// <param name="Entropy">(rows).</param>
/// <param name="Kept">The head's own.</param>
internal readonly record struct ActionLogprob(Tensor Logprob, Tensor Entropy, Tensor Kept);

/// <summary>The distribution of actions that the actor's last layer describes.</summary>
internal abstract class ActionHead
{
    /// <summary>Elements of an action as environments take it.</summary>
    public abstract int ActionSize { get; }

    /// <summary>Sets the weights of the head's own, if it has any: the logarithm of a standard deviation.</summary>
    public virtual void Initialize(float logStd)
    {
    }

    /// <summary>Copies actions (rows, <see cref="ActionSize"/>) to the device, in the type that the ops want.</summary>
    public abstract Tensor Upload(Arena arena, ReadOnlySpan<float> actions);

    /// <summary>Draws an action for every row, with its log-probability: the bits that <see cref="Logprob"/> gives.</summary>
    public abstract void Sample(Arena arena, in ActorOutput output, in ActionDraw draw, Span<float> actions, Span<float> logprobs);

    /// <summary>The most likely action of every row.</summary>
    public abstract void MostLikely(Arena arena, in ActorOutput output, Span<float> actions);

    /// <summary>Log-probability of the given actions.</summary>
    public abstract ActionLogprob Logprob(Arena arena, in ActorOutput output, in Tensor actions);

    /// <summary>Sets the gradient of the actor's last layer on the tape; adds those of parameters of the head's own.</summary>
    /// <param name="tape">Where <paramref name="output"/> was recorded.</param>
    /// <param name="output">Of the actor.</param>
    /// <param name="actions">As they were given to <see cref="Logprob"/>.</param>
    /// <param name="forward">What it returned.</param>
    /// <param name="dlogprob">(rows).</param>
    /// <param name="dentropy">(rows), or empty.</param>
    public abstract void Backward(Tape tape, in ActorOutput output, in Tensor actions, in ActionLogprob forward, in Tensor dlogprob,
        in Tensor dentropy);
}
