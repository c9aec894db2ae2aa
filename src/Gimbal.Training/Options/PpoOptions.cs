using System.ComponentModel;
using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>Proximal policy optimisation from a reward (Schulman et al. 2017; Ouyang et al. 2022).</summary>
[OptionGroup("ppo")]
public sealed record PpoOptions : TrainerOptions
{
    /// <summary>Lays the settings of a named dialect under those that a file or command line gives: trl, verl, openrlhf, nemo, deepspeed-chat.</summary>
    [Description("Lays the settings of a named dialect under those that a file or command line gives: trl, verl, openrlhf, nemo, deepspeed-chat.")]
    public string? Dialect { get; init; }

    /// <summary>Completions per step.</summary>
    [Description("Completions per step.")]
    public int Rollouts { get; init; } = 64;

    /// <summary>Passes over each rollout.</summary>
    [Description("Passes over each rollout.")]
    public int Epochs { get; init; } = 4;

    /// <summary>Optimizer steps per pass; completions are split evenly.</summary>
    [Description("Optimizer steps per pass; completions are split evenly.")]
    public int Minibatches { get; init; } = 1;

    /// <summary>Weight of the per-token KL to the reference in the reward.</summary>
    [Description("Weight of the per-token KL to the reference in the reward.")]
    public float KlCoefficient { get; init; } = 0.05f;

    /// <summary>KL per sequence that an adaptive controller steers kl_coefficient to; 0: the coefficient is fixed.</summary>
    [Description("KL per sequence that an adaptive controller steers kl_coefficient to; 0: the coefficient is fixed.")]
    public float KlTarget { get; init; } = 0f;

    /// <summary>Samples over which the controller's full correction takes effect.</summary>
    [Description("Samples over which the controller's full correction takes effect.")]
    public float KlHorizon { get; init; } = 10_000f;

    /// <summary>Estimator of that KL: k1, k2, k3, or full, the exact one over the vocabulary.</summary>
    [Description("Estimator of that KL: k1, k2, k3, or full, the exact one over the vocabulary.")]
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K1;

    /// <summary>Discount.</summary>
    [Description("Discount.")]
    public float Gamma { get; init; } = 1f;

    /// <summary>Decay of generalised advantage estimation.</summary>
    [Description("Decay of generalised advantage estimation.")]
    public float Lambda { get; init; } = 0.95f;

    /// <summary>The policy's ratio is clipped to 1 - clip_range .. 1 + clip_range.</summary>
    [Description("The policy's ratio is clipped to 1 - clip_range .. 1 + clip_range.")]
    public float ClipRange { get; init; } = 0.2f;

    /// <summary>Upper end of the ratio's range, as 1 + clip_range_high; 0: clip_range.</summary>
    [Description("Upper end of the ratio's range, as 1 + clip_range_high; 0: clip_range.")]
    public float ClipRangeHigh { get; init; } = 0f;

    /// <summary>For a negative advantage the loss is at most this times its size (dual clip, 3 in verl); 0: off.</summary>
    [Description("For a negative advantage the loss is at most this times its size (dual clip, 3 in verl); 0: off.")]
    public float DualClip { get; init; } = 0f;

    /// <summary>Weight of the entropy of the tokens, which the loss is less by.</summary>
    [Description("Weight of the entropy of the tokens, which the loss is less by.")]
    public float EntropyCoefficient { get; init; } = 0f;

    /// <summary>What divides the policy's loss: tokens, sequences (mean of means), sequence_sums (their number) or max_tokens.</summary>
    [Description("What divides the policy's loss: tokens, sequences (mean of means), sequence_sums (their number) or max_tokens.")]
    public LossNormalizer Normalizer { get; init; } = LossNormalizer.Tokens;

    /// <summary>The value is clipped to its old value +- clip_range_value; 0: no clipping.</summary>
    [Description("The value is clipped to its old value +- clip_range_value; 0: no clipping.")]
    public float ClipRangeValue { get; init; } = 0.2f;

    /// <summary>Weight of the value loss.</summary>
    [Description("Weight of the value loss.")]
    public float ValueCoefficient { get; init; } = 0.1f;

    /// <summary>Policy and value function are two heads on one trunk, trained by one backward pass; false: the value model is a model of its own.</summary>
    [Description("Policy and value function are two heads on one trunk, trained by one backward pass; false: the value model is a model of its own.")]
    public bool SharedTrunk { get; init; } = false;

    /// <summary>Learning rate of the value model; 0: the policy's.</summary>
    [Description("Learning rate of the value model; 0: the policy's.")]
    public float ValueLearningRate { get; init; } = 0f;

    /// <summary>First steps that train the value model alone.</summary>
    [Description("First steps that train the value model alone.")]
    public int ValueWarmupSteps { get; init; } = 0;

    /// <summary>Advantages are whitened over the rollout.</summary>
    [Description("Advantages are whitened over the rollout.")]
    public bool WhitenAdvantages { get; init; } = true;

    /// <summary>Whitening divides by the number of tokens less this: 1 in TRL and verl, 0 in OpenRLHF.</summary>
    [Description("Whitening divides by the number of tokens less this: 1 in TRL and verl, 0 in OpenRLHF.")]
    public int WhitenDdof { get; init; } = 1;

    /// <summary>Rewards are divided by their standard deviation, the mean kept.</summary>
    [Description("Rewards are divided by their standard deviation, the mean kept.")]
    public bool WhitenRewards { get; init; } = false;

    /// <summary>The score is added to the last kept token (last) or one past it (after_last, as TRL does).</summary>
    [Description("The score is added to the last kept token (last) or one past it (after_last, as TRL does).")]
    public ScorePosition ScorePosition { get; init; } = ScorePosition.Last;

    /// <summary>Taken off the score of a completion that did not end by itself.</summary>
    [Description("Taken off the score of a completion that did not end by itself.")]
    public float MissingEosPenalty { get; init; } = 0f;

    /// <summary>Scores are held within plus and minus this (10 in OpenRLHF, 5 in DeepSpeed-Chat); 0: as they are.</summary>
    [Description("Scores are held within plus and minus this (10 in OpenRLHF, 5 in DeepSpeed-Chat); 0: as they are.")]
    public float ScoreClip { get; init; } = 0f;

    /// <summary>Tokens before the longest length over which a penalty grows; 0: none.</summary>
    [Description("Tokens before the longest length over which a penalty grows; 0: none.")]
    public int OverlongBuffer { get; init; } = 0;

    /// <summary>That penalty at the longest length.</summary>
    [Description("That penalty at the longest length.")]
    public float OverlongPenalty { get; init; } = 1f;

    /// <summary>Score of a completion that was cut off: score times this, or this itself if negative; 1: unchanged.</summary>
    [Description("Score of a completion that was cut off: score times this, or this itself if negative; 1: unchanged.")]
    public float TruncatedReward { get; init; } = 1f;

    /// <summary>How completions are drawn while training; temperature 1 and no truncation unless said.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("ppo.rollouts", Rollouts, 1);
        OptionCheck.AtLeast("ppo.epochs", Epochs, 1);
        OptionCheck.Divides("ppo.minibatches", Minibatches, Rollouts, "ppo.rollouts");
        OptionCheck.AtLeast("ppo.kl_coefficient", KlCoefficient, 0f);
        OptionCheck.Within("ppo.gamma", Gamma, 0f, 1f);
        OptionCheck.Within("ppo.lambda", Lambda, 0f, 1f);
        OptionCheck.Below("ppo.clip_range", ClipRange, 0f, 1f);
        OptionCheck.AtLeast("ppo.kl_target", KlTarget, 0f);
        OptionCheck.Above("ppo.kl_horizon", KlHorizon, 0f);
        OptionCheck.AtLeast("ppo.clip_range_high", ClipRangeHigh, 0f);
        OptionCheck.AtLeast("ppo.dual_clip", DualClip, 0f);
        OptionCheck.AtLeast("ppo.score_clip", ScoreClip, 0f);
        OptionCheck.AtLeast("ppo.overlong_buffer", OverlongBuffer, 0);
        OptionCheck.Within("ppo.whiten_ddof", WhitenDdof, 0, 1);
        OptionCheck.AtLeast("ppo.clip_range_value", ClipRangeValue, 0f);
        OptionCheck.AtLeast("ppo.value_coefficient", ValueCoefficient, 0f);
        OptionCheck.Within("ppo.value_learning_rate", ValueLearningRate, 0f, 10f);
        OptionCheck.AtLeast("ppo.value_warmup_steps", ValueWarmupSteps, 0);
        OptionCheck.AtLeast("ppo.missing_eos_penalty", MissingEosPenalty, 0f);
        if (SharedTrunk && ScorePosition != ScorePosition.Last)
            throw new InvalidConfigException("ppo.score_position", "must be last with ppo.shared_trunk: the trunk sees no state after the last token.");
        if (SharedTrunk && (ValueWarmupSteps > 0 || ValueLearningRate > 0))
        {
            throw new InvalidConfigException(ValueWarmupSteps > 0 ? "ppo.value_warmup_steps" : "ppo.value_learning_rate",
                "must be 0 with ppo.shared_trunk: no value model trains by itself.");
        }

        Sampling.Validate();
    }
}
