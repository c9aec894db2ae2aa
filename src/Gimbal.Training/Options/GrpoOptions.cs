using System.ComponentModel;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Group relative policy optimisation (Shao et al. 2024).</summary>
[OptionGroup("grpo")]
public sealed record GrpoOptions : TrainerOptions
{
    /// <summary>Lays the settings of a named dialect under those that a file or command line gives: grpo, dapo, dr_grpo, gspo, rloo, reinforce++.</summary>
    [Description("Lays the settings of a named dialect under those that a file or command line gives: grpo, dapo, dr_grpo, gspo, rloo, reinforce++.")]
    public string? Dialect { get; init; }

    /// <summary>Prompts per step; each is answered group_size times.</summary>
    [Description("Prompts per step; each is answered group_size times.")]
    public int PromptsPerStep { get; init; } = 8;

    /// <summary>Completions per prompt; their mean reward is the baseline.</summary>
    [Description("Completions per prompt; their mean reward is the baseline.")]
    public int GroupSize { get; init; } = 8;

    /// <summary>Rounds of drawing in a step, at most: groups whose rewards are all equal give way to those of other prompts (DAPO's dynamic sampling); 1: one, and every group stays.</summary>
    [Description("Rounds of drawing in a step, at most: groups whose rewards are all equal give way to those of other prompts (DAPO's dynamic sampling); 1: one, and every group stays.")]
    public int SamplingRounds { get; init; } = 1;

    /// <summary>What is made of ratio and advantage: clip (GRPO, DAPO, GSPO, RLOO), cispo, sapo or vespo.</summary>
    [Description("What is made of ratio and advantage: clip (GRPO, DAPO, GSPO, RLOO), cispo, sapo or vespo.")]
    public PolicyLossKind Loss { get; init; } = PolicyLossKind.Clip;

    /// <summary>Of what the ratio is: token, sequence (GSPO), sequence_token (GSPO-token) or sequence_sum (RLOO).</summary>
    [Description("Of what the ratio is: token, sequence (GSPO), sequence_token (GSPO-token) or sequence_sum (RLOO).")]
    public RatioLevel Ratio { get; init; } = RatioLevel.Token;

    /// <summary>The ratio's gradient stops below 1 - clip_low where the advantage is negative.</summary>
    [Description("The ratio's gradient stops below 1 - clip_low where the advantage is negative.")]
    public float ClipLow { get; init; } = 0.2f;

    /// <summary>The ratio's gradient stops above 1 + clip_high where the advantage is positive.</summary>
    [Description("The ratio's gradient stops above 1 + clip_high where the advantage is positive.")]
    public float ClipHigh { get; init; } = 0.2f;

    /// <summary>Upper bound of the ratio where the advantage is negative; 0: none.</summary>
    [Description("Upper bound of the ratio where the advantage is negative; 0: none.")]
    public float Delta { get; init; } = 0f;

    /// <summary>For a negative advantage the loss is at most this times its size (dual clip); 0: off.</summary>
    [Description("For a negative advantage the loss is at most this times its size (dual clip); 0: off.")]
    public float DualClip { get; init; } = 0f;

    /// <summary>SAPO's temperature where the advantage is positive.</summary>
    [Description("SAPO's temperature where the advantage is positive.")]
    public float SapoPositive { get; init; } = 1f;

    /// <summary>SAPO's temperature elsewhere.</summary>
    [Description("SAPO's temperature elsewhere.")]
    public float SapoNegative { get; init; } = 1.05f;

    /// <summary>VESPO's exponent where the advantage is not negative.</summary>
    [Description("VESPO's exponent where the advantage is not negative.")]
    public float VespoPositive { get; init; } = 2f;

    /// <summary>VESPO's rate where the advantage is not negative.</summary>
    [Description("VESPO's rate where the advantage is not negative.")]
    public float VespoPositiveRate { get; init; } = 3f;

    /// <summary>VESPO's exponent where the advantage is negative.</summary>
    [Description("VESPO's exponent where the advantage is negative.")]
    public float VespoNegative { get; init; } = 3f;

    /// <summary>VESPO's rate where the advantage is negative.</summary>
    [Description("VESPO's rate where the advantage is negative.")]
    public float VespoNegativeRate { get; init; } = 2f;

    /// <summary>Completions of negative advantage whose mean log-ratio fell below minus this are masked; 0: off.</summary>
    [Description("Completions of negative advantage whose mean log-ratio fell below minus this are masked; 0: off.")]
    public float OffPolicyThreshold { get; init; } = 0f;

    /// <summary>What is done about a sampler whose log-probabilities are not the trainer's: none, truncate_tokens, mask_tokens (IcePop), truncate_sequences or mask_sequences.</summary>
    [Description("What is done about a sampler whose log-probabilities are not the trainer's: none, truncate_tokens, mask_tokens (IcePop), truncate_sequences or mask_sequences.")]
    public RolloutCorrection Correction { get; init; } = RolloutCorrection.None;

    /// <summary>Lower bound of the correction.</summary>
    [Description("Lower bound of the correction.")]
    public float CorrectionLow { get; init; } = 0f;

    /// <summary>Upper bound of the correction.</summary>
    [Description("Upper bound of the correction.")]
    public float CorrectionHigh { get; init; } = 2f;

    /// <summary>Weight of the entropy of the tokens, which the loss is less by.</summary>
    [Description("Weight of the entropy of the tokens, which the loss is less by.")]
    public float EntropyCoefficient { get; init; } = 0f;

    /// <summary>Weight of the KL to the reference; 0: no reference model.</summary>
    [Description("Weight of the KL to the reference; 0: no reference model.")]
    public float Beta { get; init; } = 0.04f;

    /// <summary>Estimator of that KL: k1, k2, k3, or full, the exact one over the vocabulary.</summary>
    [Description("Estimator of that KL: k1, k2, k3, or full, the exact one over the vocabulary.")]
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K3;

    /// <summary>Where that KL counts: loss, reward (summed over the completion) or token_reward (REINFORCE++).</summary>
    [Description("Where that KL counts: loss, reward (summed over the completion) or token_reward (REINFORCE++).")]
    public KlPlacement KlPlacement { get; init; } = KlPlacement.Loss;

    /// <summary>The KL in the loss is multiplied by the ratio, which makes it unbiased off the policy.</summary>
    [Description("The KL in the loss is multiplied by the ratio, which makes it unbiased off the policy.")]
    public bool CorrectKl { get; init; } = false;

    /// <summary>What is taken off a reward: group (mean), leave_one_out (mean of the others) or none.</summary>
    [Description("What is taken off a reward: group (mean), leave_one_out (mean of the others) or none.")]
    public AdvantageBaseline Baseline { get; init; } = AdvantageBaseline.Group;

    /// <summary>Added to the group's standard deviation.</summary>
    [Description("Added to the group's standard deviation.")]
    public float AdvantageEpsilon { get; init; } = 1e-4f;

    /// <summary>Advantages are divided by the standard deviation of the group (group), of all rewards of the step (batch) or not (none).</summary>
    [Description("Advantages are divided by the standard deviation of the group (group), of all rewards of the step (batch) or not (none).")]
    public AdvantageScale Scale { get; init; } = AdvantageScale.Group;

    /// <summary>Advantages are whitened over the tokens of the step (REINFORCE++).</summary>
    [Description("Advantages are whitened over the tokens of the step (REINFORCE++).")]
    public bool WhitenAdvantages { get; init; } = false;

    /// <summary>Several rewards: their sum has a baseline (sum_then_normalize), or each has one of its own (normalize_then_sum).</summary>
    [Description("Several rewards: their sum has a baseline (sum_then_normalize), or each has one of its own (normalize_then_sum).")]
    public RewardAggregation Aggregation { get; init; } = RewardAggregation.SumThenNormalize;

    /// <summary>Tokens before the longest length over which a penalty grows; 0: none.</summary>
    [Description("Tokens before the longest length over which a penalty grows; 0: none.")]
    public int OverlongBuffer { get; init; } = 0;

    /// <summary>That penalty at the longest length.</summary>
    [Description("That penalty at the longest length.")]
    public float OverlongPenalty { get; init; } = 1f;

    /// <summary>Reward of a completion that was cut off: reward times this, or this itself if negative; 1: unchanged.</summary>
    [Description("Reward of a completion that was cut off: reward times this, or this itself if negative; 1: unchanged.")]
    public float TruncatedReward { get; init; } = 1f;

    /// <summary>Completions that were cut off have no weight in the loss.</summary>
    [Description("Completions that were cut off have no weight in the loss.")]
    public bool MaskTruncated { get; init; } = false;

    /// <summary>What divides the loss: tokens, sequences (mean of means), sequence_sums (their number) or max_tokens (Dr. GRPO).</summary>
    [Description("What divides the loss: tokens, sequences (mean of means), sequence_sums (their number) or max_tokens (Dr. GRPO).")]
    public LossNormalizer Normalizer { get; init; } = LossNormalizer.Tokens;

    /// <summary>Passes over each rollout.</summary>
    [Description("Passes over each rollout.")]
    public int InnerEpochs { get; init; } = 1;

    /// <summary>Optimizer steps per pass; groups are split evenly.</summary>
    [Description("Optimizer steps per pass; groups are split evenly.")]
    public int Minibatches { get; init; } = 1;

    /// <summary>How completions are drawn while training; temperature 1 and no truncation unless said.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("grpo.prompts_per_step", PromptsPerStep, 1);
        OptionCheck.AtLeast("grpo.group_size", GroupSize, 2);
        OptionCheck.AtLeast("grpo.sampling_rounds", SamplingRounds, 1);
        OptionCheck.Within("grpo.clip_low", ClipLow, 0f, 1f);
        OptionCheck.AtLeast("grpo.clip_high", ClipHigh, 0f);
        OptionCheck.AtLeast("grpo.delta", Delta, 0f);
        OptionCheck.AtLeast("grpo.dual_clip", DualClip, 0f);
        OptionCheck.Above("grpo.sapo_positive", SapoPositive, 0f);
        OptionCheck.Above("grpo.sapo_negative", SapoNegative, 0f);
        OptionCheck.Above("grpo.vespo_positive", VespoPositive, 0f);
        OptionCheck.Above("grpo.vespo_negative", VespoNegative, 0f);
        OptionCheck.AtLeast("grpo.off_policy_threshold", OffPolicyThreshold, 0f);
        OptionCheck.Within("grpo.correction_low", CorrectionLow, 0f, CorrectionHigh);
        OptionCheck.AtLeast("grpo.overlong_buffer", OverlongBuffer, 0);
        OptionCheck.AtLeast("grpo.beta", Beta, 0f);
        if (Ratio != RatioLevel.Token && Loss != PolicyLossKind.Clip)
        {
            throw new InvalidConfigException("grpo.ratio", $"must be token with grpo.loss={Loss.ToString().ToLowerInvariant()}.");
        }
        if (CorrectKl && KlEstimator == KlEstimator.Full)
            throw new InvalidConfigException("grpo.correct_kl", "must be false with grpo.kl_estimator=full, which no ratio corrects.");
        OptionCheck.AtLeast("grpo.advantage_epsilon", AdvantageEpsilon, 0f);
        OptionCheck.AtLeast("grpo.inner_epochs", InnerEpochs, 1);
        OptionCheck.Divides("grpo.minibatches", Minibatches, PromptsPerStep * GroupSize, "the completions of a step");
        Sampling.Validate();
    }

    /// <summary>Surrogate and numbers of the loss.</summary>
    public PolicyObjective Objective() => new()
    {
        Surrogate = (PolicySurrogate)Loss,
        Kl = KlEstimator == KlEstimator.Full ? KlForm.K3 : (KlForm)KlEstimator,
        CorrectKl = CorrectKl,
        ClipLow = ClipLow,
        ClipHigh = ClipHigh,
        Delta = Delta,
        DualClip = DualClip,
        Positive = Loss == PolicyLossKind.Sapo ? SapoPositive : Loss == PolicyLossKind.Vespo ? VespoPositive : 1,
        PositiveRate = Loss == PolicyLossKind.Vespo ? VespoPositiveRate : 0,
        Negative = Loss == PolicyLossKind.Sapo ? SapoNegative : Loss == PolicyLossKind.Vespo ? VespoNegative : 1,
        NegativeRate = Loss == PolicyLossKind.Vespo ? VespoNegativeRate : 0,
        Beta = KlPlacement == KlPlacement.Loss && KlEstimator != KlEstimator.Full ? Beta : 0,
        OffPolicyThreshold = OffPolicyThreshold,
    };
}
