namespace Gimbal.Training;

public static partial class Explanation
{
    private static string[] Lines(ControlOptions o)
    {
        bool isBox = !ControlTasks.Create(o.Environment).Actions.IsDiscrete;
        int held = o.NoiseSteps == 0 ? o.StepsPerRollout : o.NoiseSteps;
        string noise = !o.StateDependentNoise ? "N(0, e^(2 l)), l a free row"
            : Say($"M f(s), M_ik ~ N(0, e^(2 l_ik)) drawn every {held} steps, f(s) the last hidden layer");
        string bounds = o.SquashActions ? "tanh(a) scaled to the bounds, log pi less log(1 - tanh(a)^2), entropy -log pi"
            : "clipped to the bounds, log pi of the action before";
        string error = o.ClipRangeValue == 0 ? "(V - R)^2"
            : o.ClippedValueAlone ? Say($"(clip(V, old +- {o.ClipRangeValue}) - R)^2")
            : Say($"max((V - R)^2, (clip(V, old +- {o.ClipRangeValue}) - R)^2)");
        return
        [
            Say($"{o.Environments} x {o.Environment}, {o.StepsPerRollout} steps each between updates, {o.TotalSteps} in all"),
            .. When(o.NormalizeObservations, "s = clip((s - running mean) / running std, +-10)"),
            isBox ? Say($"a = mu(s) + {noise}, l from {o.InitialLogStd}; {bounds}") : "a ~ softmax of the actor's logits",
            .. When(o.NormalizeRewards, Say($"r = clip(r / running std of the return discounted by {o.Gamma}, +-10)")),
            Say($"delta_t = r_t + {o.Gamma} V_(t+1) - V_t, A_t = delta_t + {o.Gamma * o.Lambda:G4} A_(t+1), R_t = A_t + V_t"),
            "at the task's own end nothing follows, at a time limit " + (o.BootstrapTruncated ? "V of the last observation" : "neither"),
            o.NormalizeAdvantages ? "A = (A - mean) / (std + 1e-8) within the minibatch, ddof 1" : "A as it is",
            Say($"policy: -min(ratio A, clip(ratio, {1 - o.ClipRange}, {1 + o.ClipRange}) A)") +
                (o.EntropyCoefficient > 0 ? Say($" - {o.EntropyCoefficient} entropy") : ""),
            Say($"value: {o.ValueCoefficient} x 0.5 {error}"),
            Say($"{o.Epochs} passes of {o.Minibatches} optimizer steps on {o.Environments * o.StepsPerRollout / o.Minibatches} samples each") +
                (o.TargetKl == 0 ? "" : o.StopWithinPass ? Say($", until the k3 of one exceeds {1.5f * o.TargetKl}, which is left out")
                    : Say($", until the k3 of a pass's last step exceeds {o.TargetKl}")),
            .. Optimizer(o),
            .. When(o.Anneal, "the rate falls linearly to 0 over all optimizer steps"),
            By(o, [.. Heads(o, isBox), "ControlRollout: gae", "ControlUpdate: ppo_clip_loss, " + (o.ClippedValueAlone ? "clipped_value_loss" : "value_clip_loss")]),
        ];
    }

    private static IEnumerable<string> Heads(ControlOptions o, bool isBox) =>
    [
        !isBox ? "CategoricalHead: logprob_gather" : o.StateDependentNoise ? "SdeHead: sde_logprob" : "GaussianHead: gaussian_logprob",
        .. When(o.SquashActions, "SquashedHead: tanh_squash"),
    ];

    private static string[] Lines(RewardOptions o) =>
    [
        "score = head of the hidden state at the last token of prompt and completion",
        "l = -log sigmoid(score_chosen - score_rejected - margin)" +
            (o.Center > 0 ? Say($" + {o.Center} (score_chosen + score_rejected)^2") : "") + "; margin 0 where the data has none",
        Say($"mean over {o.BatchSize} pairs of the optimizer step"),
        .. Optimizer(o),
        By(o, ["RewardTrainer: reward_loss"]),
    ];
}
