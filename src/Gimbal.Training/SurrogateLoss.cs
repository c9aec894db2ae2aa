using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// The token loss of GRPO's family over whole completions: which ratio a token has, then <see cref="Ops.PolicyLoss"/>, then the
/// way of the gradient back through that ratio.
/// </summary>
/// <param name="objective">Surrogate and numbers.</param>
/// <param name="level">Of the ratio.</param>
public sealed class SurrogateLoss(PolicyObjective objective, RatioLevel level)
{
    private const float TokenClamp = 20; // of each token's log-ratio in VESPO's sum

    /// <summary>True if a token's loss depends on the other tokens of its completion.</summary>
    public bool IsOfSequences => level != RatioLevel.Token || objective.Surrogate == PolicySurrogate.Vespo || objective.OffPolicyThreshold > 0;

    /// <summary>Computes the loss and writes its gradient.</summary>
    /// <param name="arena">Scratch memory, in the caller's scope.</param>
    /// <param name="tokens">What the loss is of.</param>
    /// <param name="dlogprobs">Written (tokens).</param>
    /// <param name="statistics">Of <see cref="Ops.PolicyLoss"/>.</param>
    public void Compute(Arena arena, in PolicyTokens tokens, in Tensor dlogprobs, in Tensor statistics)
    {
        ArgumentNullException.ThrowIfNull(arena);
        bool isMean = level != RatioLevel.SequenceSum;
        Tensor ratios = objective.Surrogate == PolicySurrogate.Vespo ? Ratio(arena, tokens, mean: false, TokenClamp)
            : level == RatioLevel.Token ? default : Ratio(arena, tokens, isMean, 0);
        Tensor drifts = objective.OffPolicyThreshold > 0 ? Ratio(arena, tokens, mean: true, 0) : default;
        Tensor through = level is RatioLevel.Sequence or RatioLevel.SequenceSum ? arena.Allocate(DType.Float32, tokens.Logprobs.Shape) : default;
        Ops.PolicyLoss(tokens.Logprobs, tokens.Old, ratios, tokens.Reference, tokens.Advantages, tokens.Corrections, drifts, tokens.Weights,
            default, dlogprobs, through, statistics, objective);
        if (!through.IsEmpty)
        {
            Ops.SequenceRatioBackward(through, tokens.Counted, tokens.Starts, dlogprobs, isMean, accumulate: true);
        }
    }

    private static Tensor Ratio(Arena arena, in PolicyTokens tokens, bool mean, float clamp)
    {
        Tensor ratios = arena.Allocate(DType.Float32, tokens.Logprobs.Shape);
        Ops.SequenceRatio(tokens.Logprobs, tokens.Old, tokens.Counted, tokens.Starts, ratios, mean, clamp);
        return ratios;
    }
}

/// <summary>What a token loss of GRPO's family is of, one number for each token.</summary>
/// <param name="Logprobs">Under the policy.</param>
/// <param name="Old">Under the policy that the ratio is to.</param>
/// <param name="Reference">Under the reference, or empty.</param>
/// <param name="Advantages">Of each token.</param>
/// <param name="Corrections">Importance weights of the rollout, or empty.</param>
/// <param name="Weights">Mask and normaliser.</param>
/// <param name="Counted">Other than 0 for the tokens that a sequence's ratio counts; empty: all.</param>
/// <param name="Starts">Where the completions start (completions + 1); may be empty where the loss is of single tokens.</param>
public readonly record struct PolicyTokens(Tensor Logprobs, Tensor Old, Tensor Reference, Tensor Advantages, Tensor Corrections,
    Tensor Weights, Tensor Counted, Tensor Starts);
