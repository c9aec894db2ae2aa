namespace Gimbal.Training;

/// <summary>
/// The names under which trainers log, one spelling for trainers, reports and tests. They are TRL's where TRL has the metric,
/// so that curves of the two can be laid over each other.
/// </summary>
public static class MetricNames
{
    /// <summary>The loss of the step, divided by its normaliser.</summary>
    public const string Loss = "loss";

    /// <summary>Global gradient norm before clipping.</summary>
    public const string GradNorm = "grad_norm";

    /// <summary>Learning rate of the step.</summary>
    public const string LearningRate = "learning_rate";

    /// <summary>Seconds the step took, rollout included.</summary>
    public const string StepTime = "step_time";

    /// <summary>Tokens seen in training so far, prompts included.</summary>
    public const string NumTokens = "num_tokens";

    /// <summary>Mean entropy of the predicted distribution per loss token.</summary>
    public const string Entropy = "entropy";

    /// <summary>Share of loss tokens whose most likely token is the target.</summary>
    public const string MeanTokenAccuracy = "mean_token_accuracy";

    /// <summary>Accuracy on the held-out problems, where a step was followed by an evaluation.</summary>
    public const string EvalAccuracy = "eval/accuracy";

    /// <summary>Differing bits between the sampler's log-probabilities and the trainer's; 0, or something is broken.</summary>
    public const string MismatchBits = "logprob/mismatch_bits";

    /// <summary>Tokens that were so compared.</summary>
    public const string ComparedTokens = "logprob/compared_tokens";

    /// <summary>Reward model: smallest score of the step.</summary>
    public const string MinReward = "min_reward";

    /// <summary>Reward model: mean score of the step.</summary>
    public const string MeanReward = "mean_reward";

    /// <summary>Reward model: largest score of the step.</summary>
    public const string MaxReward = "max_reward";

    /// <summary>Reward model: share of pairs with chosen above rejected.</summary>
    public const string Accuracy = "accuracy";

    /// <summary>Reward model: mean of chosen less rejected.</summary>
    public const string Margin = "margin";

    /// <summary>DPO: mean of beta (log p - log ref) of the chosen completions.</summary>
    public const string RewardsChosen = "rewards/chosen";

    /// <summary>DPO: the same of the rejected ones.</summary>
    public const string RewardsRejected = "rewards/rejected";

    /// <summary>DPO: share of pairs with chosen above rejected.</summary>
    public const string RewardsAccuracies = "rewards/accuracies";

    /// <summary>DPO: mean of chosen less rejected.</summary>
    public const string RewardsMargins = "rewards/margins";

    /// <summary>DPO: mean summed log-probability of the chosen completions.</summary>
    public const string LogpsChosen = "logps/chosen";

    /// <summary>DPO: mean summed log-probability of the rejected ones.</summary>
    public const string LogpsRejected = "logps/rejected";

    /// <summary>Mean reward of the rollout.</summary>
    public const string Reward = "reward";

    /// <summary>Samples left out of the step since the reward failed on them.</summary>
    public const string RewardFailures = "reward_failures";

    /// <summary>Mean standard deviation of the rewards within a group.</summary>
    public const string RewardStd = "reward_std";

    /// <summary>Share of groups whose rewards are all equal.</summary>
    public const string FracRewardZeroStd = "frac_reward_zero_std";

    /// <summary>Dynamic sampling: rounds of drawing that the step took.</summary>
    public const string SamplingRounds = "dynamic_sampling/rounds";

    /// <summary>Dynamic sampling: share of the groups drawn whose rewards differ.</summary>
    public const string SamplingPassRate = "dynamic_sampling/pass_rate";

    /// <summary>Mean k3 estimate of the KL to the reference per token.</summary>
    public const string Kl = "kl";

    /// <summary>Mean summed log-ratio to the reference per completion, on the rollout's own samples.</summary>
    public const string KlPerSequence = "kl_per_sequence";

    /// <summary>Share of tokens with ratio below 1 - clip_low and a negative advantage.</summary>
    public const string ClipRatioLow = "clip_ratio/low_mean";

    /// <summary>Share of tokens with ratio above 1 + clip_high and a positive advantage.</summary>
    public const string ClipRatioHigh = "clip_ratio/high_mean";

    /// <summary>Share of tokens that either clip stops.</summary>
    public const string ClipRatioRegion = "clip_ratio/region_mean";

    /// <summary>Mean tokens per completion.</summary>
    public const string MeanLength = "completions/mean_length";

    /// <summary>Fewest tokens of a completion.</summary>
    public const string MinLength = "completions/min_length";

    /// <summary>Most tokens of a completion.</summary>
    public const string MaxLength = "completions/max_length";

    /// <summary>Share of completions cut off before an end token.</summary>
    public const string ClippedRatio = "completions/clipped_ratio";

    /// <summary>PPO: KL to the reference summed over a completion, mean over the rollout.</summary>
    public const string ObjectiveKl = "objective/kl";

    /// <summary>PPO: minus the summed log-probability of a completion, mean over the rollout.</summary>
    public const string ObjectiveEntropy = "objective/entropy";

    /// <summary>PPO: mean of the KL part of the reward.</summary>
    public const string ObjectiveNonScoreReward = "objective/non_score_reward";

    /// <summary>PPO: mean of score plus KL part.</summary>
    public const string ObjectiveRlhfReward = "objective/rlhf_reward";

    /// <summary>PPO: mean score, less the penalty where the end token is missing.</summary>
    public const string ObjectiveScores = "objective/scores";

    /// <summary>PPO: mean of (new - old)^2 / 2.</summary>
    public const string PolicyApproxKl = "policy/approxkl_avg";

    /// <summary>PPO: share of tokens that the clip stops.</summary>
    public const string PolicyClipFraction = "policy/clipfrac_avg";

    /// <summary>PPO: mean entropy per token.</summary>
    public const string PolicyEntropy = "policy/entropy_avg";

    /// <summary>PPO: policy loss.</summary>
    public const string LossPolicy = "loss/policy_avg";

    /// <summary>PPO: value loss.</summary>
    public const string LossValue = "loss/value_avg";

    /// <summary>PPO: global gradient norm of the value model before clipping.</summary>
    public const string ValueGradNorm = "val/grad_norm";

    /// <summary>PPO: share of values that the clip stops.</summary>
    public const string ValueClipFraction = "val/clipfrac_avg";

    /// <summary>PPO: mean ratio of new to old.</summary>
    public const string Ratio = "val/ratio";

    /// <summary>PPO: mean number of end tokens per completion.</summary>
    public const string NumEosTokens = "val/num_eos_tokens";

    /// <summary>PPO: 1 - Var(return - value) / Var(return).</summary>
    public const string ExplainedVariance = "val/explained_variance";

    /// <summary>Control: mean return of the episodes that ended.</summary>
    public const string EpisodicReturn = "charts/episodic_return";

    /// <summary>Control: their mean length.</summary>
    public const string EpisodicLength = "charts/episodic_length";

    /// <summary>Control: clipped objective, mean over the last pass; likewise those below.</summary>
    public const string ControlPolicyLoss = "losses/policy_loss";

    /// <summary>Control: value loss, without its coefficient.</summary>
    public const string ControlValueLoss = "losses/value_loss";

    /// <summary>Control: entropy of the policy.</summary>
    public const string ControlEntropy = "losses/entropy";

    /// <summary>Control: k1 estimate of the KL from the rollout's policy.</summary>
    public const string ControlOldApproxKl = "losses/old_approx_kl";

    /// <summary>Control: k3 estimate of the same.</summary>
    public const string ControlApproxKl = "losses/approx_kl";

    /// <summary>Control: share of samples with |ratio - 1| above the clip range, whatever the sign of the advantage.</summary>
    public const string ControlClipFraction = "losses/clipfrac";

    /// <summary>Control: 1 - Var(return - value) / Var(return) of the rollout.</summary>
    public const string ControlExplainedVariance = "losses/explained_variance";

    /// <summary>Control: environment steps per second.</summary>
    public const string StepsPerSecond = "charts/SPS";

    /// <summary>Control: environment steps so far.</summary>
    public const string GlobalStep = "global_step";
}
