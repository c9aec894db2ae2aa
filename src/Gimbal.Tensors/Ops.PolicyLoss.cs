using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>Surrogate objectives of a ratio, with the values of <c>GB_SURROGATE_*</c>.</summary>
public enum PolicySurrogate
{
    /// <summary>-min(min(ratio, delta) A, clip(ratio, 1 - clip_low, 1 + clip_high) A), and the dual clip.</summary>
    Clip = 0,

    /// <summary>CISPO (MiniMax 2025): -clip(ratio, 1 - clip_low, 1 + clip_high) A logprob, the ratio held.</summary>
    Cispo = 1,

    /// <summary>SAPO (Gao et al. 2025): -(4 / t) sigmoid(t (ratio - 1)) A, t by the sign of A.</summary>
    Sapo = 2,

    /// <summary>VESPO (Shen et al. 2026): -phi A logprob, phi = e^rate w^k e^(-rate w) held, w the ratio of the sequence.</summary>
    Vespo = 3,
}

/// <summary>A token loss of GRPO's family and its numbers.</summary>
public sealed record PolicyObjective
{
    /// <summary>What is made of ratio and advantage.</summary>
    public PolicySurrogate Surrogate { get; init; } = PolicySurrogate.Clip;

    /// <summary>Estimator of the KL to the reference.</summary>
    public KlForm Kl { get; init; } = KlForm.K3;

    /// <summary>The penalty is multiplied by the ratio, so that its expectation is right off the policy.</summary>
    public bool CorrectKl { get; init; }

    /// <summary>Lower clip.</summary>
    public float ClipLow { get; init; } = 0.2f;

    /// <summary>Upper clip.</summary>
    public float ClipHigh { get; init; } = 0.2f;

    /// <summary>Bound of the unclipped ratio; 0: none.</summary>
    public float Delta { get; init; }

    /// <summary>For A &lt; 0 the loss is at most -A times this; 0: off.</summary>
    public float DualClip { get; init; }

    /// <summary>SAPO's temperature, VESPO's exponent, where A is positive.</summary>
    public float Positive { get; init; } = 1;

    /// <summary>VESPO's rate where A is positive.</summary>
    public float PositiveRate { get; init; }

    /// <summary>SAPO's temperature, VESPO's exponent, elsewhere.</summary>
    public float Negative { get; init; } = 1;

    /// <summary>VESPO's rate elsewhere.</summary>
    public float NegativeRate { get; init; }

    /// <summary>Weight of the KL to the reference.</summary>
    public float Beta { get; init; }

    /// <summary>With drifts: where A &lt; 0 and -drift is above this, the surrogate is 0.</summary>
    public float OffPolicyThreshold { get; init; }
}

public static unsafe partial class Ops
{
    /// <summary>
    /// A token loss of GRPO's family, surrogate + beta kl, and its gradients, in one pass; <see cref="GrpoLoss"/> is that of the
    /// clipped surrogate and k3. The log-ratio is
    /// logprob - old, or <paramref name="logRatios"/> where a whole sequence has one.
    /// </summary>
    /// <param name="logprobs">(count).</param>
    /// <param name="oldLogprobs">(count); may be empty with <paramref name="logRatios"/>.</param>
    /// <param name="logRatios">(count), from <see cref="SequenceRatio"/>; or empty.</param>
    /// <param name="refLogprobs">(count), or empty if beta is 0.</param>
    /// <param name="advantages">(count).</param>
    /// <param name="corrections">Multiply the surrogate, not the penalty (count); or empty: 1.</param>
    /// <param name="drifts">Mean log-ratio of the token's sequence, for the off-policy mask (count); or empty.</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dlogprobs">(count), or empty: the gradient, less what <paramref name="dlogRatios"/> takes.</param>
    /// <param name="dlogRatios">What flows through the log-ratio (count); or empty.</param>
    /// <param name="statistics">(9), added: the eight of <see cref="PpoClipLoss"/>, KL to the reference; or empty.</param>
    /// <param name="objective">Surrogate and numbers.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A number is out of its range.</exception>
    public static void PolicyLoss(in Tensor logprobs, in Tensor oldLogprobs, in Tensor logRatios, in Tensor refLogprobs,
        in Tensor advantages, in Tensor corrections, in Tensor drifts, in Tensor weights, in Tensor losses, in Tensor dlogprobs,
        in Tensor dlogRatios, in Tensor statistics, PolicyObjective objective)
    {
        ArgumentNullException.ThrowIfNull(objective);
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantOptional(oldLogprobs, DType.Float32, count);
        WantOptional(logRatios, DType.Float32, count);
        WantOptional(refLogprobs, DType.Float32, count);
        WantCount(advantages, DType.Float32, count);
        WantOptional(corrections, DType.Float32, count);
        WantOptional(drifts, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        WantOptional(dlogRatios, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 9);
        NativeMethods.gb_policy_loss(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)oldLogprobs.Pointer,
            (float*)logRatios.Pointer, (float*)refLogprobs.Pointer, (float*)advantages.Pointer, (float*)corrections.Pointer,
            (float*)drifts.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dlogprobs.Pointer,
            (float*)dlogRatios.Pointer, (double*)statistics.Pointer, count, NumbersOf(objective)).Check();
    }

    /// <summary>
    /// <see cref="LogprobGather"/>, <see cref="PolicyLoss"/> and <see cref="LogprobGatherBackward"/> in one pass over each row of
    /// logits, with their bits: dlogits of w (l - entropyCoefficient entropy), w the weight. For ratios of single tokens.
    /// </summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="targets">Token ids (rows); -1 leaves a row out: no gradient, and a logprob of 0 for losses and statistics.</param>
    /// <param name="oldLogprobs">(rows).</param>
    /// <param name="refLogprobs">(rows), or empty if beta is 0.</param>
    /// <param name="advantages">(rows).</param>
    /// <param name="corrections">Multiply the surrogate, not the penalty (rows); or empty: 1.</param>
    /// <param name="weights">(rows), or empty: 1.</param>
    /// <param name="logprobs">Written (rows).</param>
    /// <param name="entropies">Written (rows), or empty.</param>
    /// <param name="losses">w l (rows), or empty.</param>
    /// <param name="dlogits">As logits, with the same row stride; may be <paramref name="logits"/>.</param>
    /// <param name="statistics">(9), added: those of <see cref="PolicyLoss"/>; or empty.</param>
    /// <param name="objective">Any surrogate but <see cref="PolicySurrogate.Vespo"/>, whose ratio is of sequences.</param>
    /// <param name="entropyCoefficient">Weight of the entropy bonus.</param>
    /// <param name="temperature">Divides the logits; above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A number is out of its range, or a target no token id.</exception>
    public static void PolicyLossWithLogits(in Tensor logits, in Tensor targets, in Tensor oldLogprobs, in Tensor refLogprobs,
        in Tensor advantages, in Tensor corrections, in Tensor weights, in Tensor logprobs, in Tensor entropies, in Tensor losses,
        in Tensor dlogits, in Tensor statistics, PolicyObjective objective, float entropyCoefficient = 0, float temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(objective);
        long rows = logits.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(oldLogprobs, DType.Float32, rows);
        WantOptional(refLogprobs, DType.Float32, rows);
        WantCount(advantages, DType.Float32, rows);
        WantOptional(corrections, DType.Float32, rows);
        WantOptional(weights, DType.Float32, rows);
        WantCount(logprobs, DType.Float32, rows);
        WantOptional(entropies, DType.Float32, rows);
        WantOptional(losses, DType.Float32, rows);
        WantLogits(dlogits, logits);
        WantOptional(statistics, DType.Float64, 9);
        NativeMethods.gb_policy_loss_with_logits(logits.Device.Context, logits.Pointer, (int*)targets.Pointer,
            (float*)oldLogprobs.Pointer, (float*)refLogprobs.Pointer, (float*)advantages.Pointer, (float*)corrections.Pointer,
            (float*)weights.Pointer, (float*)logprobs.Pointer, (float*)entropies.Pointer, (float*)losses.Pointer, dlogits.Pointer,
            (double*)statistics.Pointer, rows, logits.Width, logits.RowStride, temperature, entropyCoefficient,
            NumbersOf(objective), (int)logits.DType).Check();
    }

    /// <summary>
    /// Log-ratio of a whole sequence on each of its tokens: the mean (GSPO) or sum (RLOO) of logprob - old over its tokens of
    /// weight other than 0.
    /// </summary>
    /// <param name="logprobs">(tokens).</param>
    /// <param name="oldLogprobs">(tokens).</param>
    /// <param name="weights">(tokens), or empty: 1.</param>
    /// <param name="starts">(sequences + 1) of int32, ascending.</param>
    /// <param name="logRatios">(tokens).</param>
    /// <param name="mean">Divide by the number of tokens that count.</param>
    /// <param name="clamp">Above 0: each token's log-ratio is clipped to -clamp..clamp.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">The starts do not ascend within the tokens.</exception>
    public static void SequenceRatio(in Tensor logprobs, in Tensor oldLogprobs, in Tensor weights, in Tensor starts,
        in Tensor logRatios, bool mean, float clamp = 0)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantCount(oldLogprobs, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantCount(starts, DType.Int32, starts.Count);
        WantCount(logRatios, DType.Float32, count);
        NativeMethods.gb_sequence_ratio(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)oldLogprobs.Pointer,
            (float*)weights.Pointer, (int*)starts.Pointer, (float*)logRatios.Pointer, count, starts.Count - 1, clamp,
            mean ? 1 : 0).Check();
    }

    /// <summary>
    /// dlogprob_t = the sum of dlogRatios over the sequence, divided by its tokens that count if <paramref name="mean"/>; 0 where
    /// the weight is 0.
    /// </summary>
    /// <param name="dlogRatios">(tokens).</param>
    /// <param name="weights">(tokens), or empty: 1.</param>
    /// <param name="starts">(sequences + 1) of int32, ascending.</param>
    /// <param name="dlogprobs">(tokens).</param>
    /// <param name="mean">As in the forward.</param>
    /// <param name="accumulate">Add to <paramref name="dlogprobs"/>.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">The starts do not ascend within the tokens.</exception>
    public static void SequenceRatioBackward(in Tensor dlogRatios, in Tensor weights, in Tensor starts, in Tensor dlogprobs,
        bool mean, bool accumulate = false)
    {
        long count = dlogRatios.Count;
        WantCount(dlogRatios, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantCount(starts, DType.Int32, starts.Count);
        WantCount(dlogprobs, DType.Float32, count);
        NativeMethods.gb_sequence_ratio_backward(dlogRatios.Device.Context, (float*)dlogRatios.Pointer, (float*)weights.Pointer,
            (int*)starts.Pointer, (float*)dlogprobs.Pointer, count, starts.Count - 1, mean ? 1 : 0, accumulate ? 1 : 0).Check();
    }

    /// <summary>
    /// The value loss of Stable-Baselines3: l = 0.5 (clip(v, old - clipRange, old + clipRange) - R)^2, and its gradient, 0 where the
    /// clip holds.
    /// </summary>
    /// <param name="values">(count).</param>
    /// <param name="oldValues">(count).</param>
    /// <param name="returns">R (count).</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dvalues">(count), or empty.</param>
    /// <param name="statistics">(4), added: losses, weights, elements, clipped elements; or empty.</param>
    /// <param name="clipRange">Above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void ClippedValueLoss(in Tensor values, in Tensor oldValues, in Tensor returns, in Tensor weights,
        in Tensor losses, in Tensor dvalues, in Tensor statistics, float clipRange)
    {
        long count = values.Count;
        WantCount(values, DType.Float32, count);
        WantCount(oldValues, DType.Float32, count);
        WantCount(returns, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dvalues, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 4);
        NativeMethods.gb_clipped_value_loss(values.Device.Context, (float*)values.Pointer, (float*)oldValues.Pointer,
            (float*)returns.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dvalues.Pointer,
            (double*)statistics.Pointer, count, clipRange).Check();
    }

    /// <summary>
    /// Log-probability and entropy of a Gaussian policy of state-dependent exploration (Raffin et al. 2020), of variance
    /// v_rd = sum_k features_rk^2 exp(2 logStd_dk) + epsilon.
    /// </summary>
    /// <param name="mean">(rows, dims).</param>
    /// <param name="features">Of the state (rows, width).</param>
    /// <param name="logStd">(dims, width).</param>
    /// <param name="actions">(rows, dims).</param>
    /// <param name="logprob">(rows).</param>
    /// <param name="entropy">(rows), or empty.</param>
    /// <param name="variance">(rows, dims), for the backward.</param>
    /// <param name="epsilon">Keeps the variance above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void SdeLogprob(in Tensor mean, in Tensor features, in Tensor logStd, in Tensor actions, in Tensor logprob,
        in Tensor entropy, in Tensor variance, float epsilon = 1e-6f)
    {
        Want(mean, DType.Float32, mean.Shape);
        WantCount(features, DType.Float32, mean.Rows * features.Width);
        WantCount(logStd, DType.Float32, mean.Width * features.Width);
        WantCount(actions, DType.Float32, mean.Count);
        WantCount(logprob, DType.Float32, mean.Rows);
        WantOptional(entropy, DType.Float32, mean.Rows);
        WantCount(variance, DType.Float32, mean.Count);
        NativeMethods.gb_sde_logprob(mean.Device.Context, (float*)mean.Pointer, (float*)features.Pointer, (float*)logStd.Pointer,
            (float*)actions.Pointer, (float*)logprob.Pointer, (float*)entropy.Pointer, (float*)variance.Pointer, mean.Rows, mean.Width,
            features.Width, epsilon).Check();
    }

    /// <summary>Gradient of <see cref="SdeLogprob"/>: dmean is written, dlogStd added to; the features count as constants.</summary>
    /// <param name="mean">(rows, dims).</param>
    /// <param name="features">(rows, width).</param>
    /// <param name="logStd">(dims, width).</param>
    /// <param name="actions">(rows, dims).</param>
    /// <param name="variance">(rows, dims), of the forward.</param>
    /// <param name="dlogprob">(rows).</param>
    /// <param name="dentropy">(rows), or empty.</param>
    /// <param name="dmean">(rows, dims).</param>
    /// <param name="dlogStd">(dims, width).</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void SdeLogprobBackward(in Tensor mean, in Tensor features, in Tensor logStd, in Tensor actions, in Tensor variance,
        in Tensor dlogprob, in Tensor dentropy, in Tensor dmean, in Tensor dlogStd)
    {
        Want(mean, DType.Float32, mean.Shape);
        WantCount(features, DType.Float32, mean.Rows * features.Width);
        WantCount(logStd, DType.Float32, mean.Width * features.Width);
        WantCount(actions, DType.Float32, mean.Count);
        WantCount(variance, DType.Float32, mean.Count);
        WantCount(dlogprob, DType.Float32, mean.Rows);
        WantOptional(dentropy, DType.Float32, mean.Rows);
        WantCount(dmean, DType.Float32, mean.Count);
        WantCount(dlogStd, DType.Float32, logStd.Count);
        NativeMethods.gb_sde_logprob_backward(mean.Device.Context, (float*)mean.Pointer, (float*)features.Pointer,
            (float*)logStd.Pointer, (float*)actions.Pointer, (float*)variance.Pointer, (float*)dlogprob.Pointer,
            (float*)dentropy.Pointer, (float*)dmean.Pointer, (float*)dlogStd.Pointer, mean.Rows, mean.Width, features.Width).Check();
    }

    /// <summary>
    /// Actions squashed by tanh (Haarnoja et al. 2018): y = tanh(x), logprob_r -= sum_d log(1 - y_d^2 + epsilon).
    /// </summary>
    /// <param name="x">Samples of the Gaussian (rows, dims).</param>
    /// <param name="y">(rows, dims), or empty; may be x.</param>
    /// <param name="logprob">The Gaussian's log-density of x (rows), corrected in place.</param>
    /// <param name="epsilon">Keeps the logarithm finite.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void TanhSquash(in Tensor x, in Tensor y, in Tensor logprob, float epsilon = 1e-6f)
    {
        Want(x, DType.Float32, x.Shape);
        WantOptional(y, DType.Float32, x.Count);
        WantCount(logprob, DType.Float32, x.Rows);
        NativeMethods.gb_tanh_squash(x.Device.Context, (float*)x.Pointer, (float*)y.Pointer, (float*)logprob.Pointer, x.Rows,
            x.Width, epsilon).Check();
    }

    private static Native.PolicyObjective NumbersOf(PolicyObjective objective) => new()
    {
        StructSize = sizeof(Native.PolicyObjective),
        Surrogate = (int)objective.Surrogate,
        KlEstimator = (int)objective.Kl,
        CorrectKl = objective.CorrectKl ? 1 : 0,
        ClipLow = objective.ClipLow,
        ClipHigh = objective.ClipHigh,
        Delta = objective.Delta,
        DualClip = objective.DualClip,
        Positive = objective.Positive,
        PositiveRate = objective.PositiveRate,
        Negative = objective.Negative,
        NegativeRate = objective.NegativeRate,
        Beta = objective.Beta,
        OffPolicyThreshold = objective.OffPolicyThreshold,
    };
}
