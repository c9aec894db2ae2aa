using System.Text.Json;

namespace Gimbal.Training;

/// <summary>Losses from completions of the policy's own: groups, and actor and critic.</summary>
public static partial class Explanation
{
    private static string[] Lines(GrpoOptions o)
    {
        string ratio = o.Ratio switch
        {
            RatioLevel.Sequence => "exp(mean over the completion of log pi - log old)",
            RatioLevel.SequenceToken => "exp(mean over the completion of log pi - log old), gradient through each token",
            RatioLevel.SequenceSum => "exp(sum over the completion of log pi - log old)",
            _ => "pi / old of each token",
        };
        string surrogate = o.Loss switch
        {
            PolicyLossKind.Cispo => Say($"-clip(ratio, {1 - o.ClipLow}, {1 + o.ClipHigh}) A log pi, the ratio held"),
            PolicyLossKind.Sapo => Say($"-(4 / t) sigmoid(t (ratio - 1)) A, t = {o.SapoPositive} for A > 0, {o.SapoNegative} otherwise"),
            PolicyLossKind.Vespo => "-phi A log pi, phi = e^l w^k e^(-l w) held, " +
                Say($"(k, l) = ({o.VespoPositive}, {o.VespoPositiveRate}) for A >= 0, ") +
                Say($"({o.VespoNegative}, {o.VespoNegativeRate}) otherwise"),
            _ => $"-min({(o.Delta > 0 ? Say($"min(ratio, {o.Delta})") : "ratio")} A, " + Say($"clip(ratio, {1 - o.ClipLow}, {1 + o.ClipHigh}) A)") +
                (o.DualClip > 0 ? Say($", at most -{o.DualClip} A for A < 0") : ""),
        };
        string baseline = o.Baseline switch
        {
            AdvantageBaseline.Group => "R - mean of the group",
            AdvantageBaseline.LeaveOneOut => "R - mean of the others of the group",
            _ => "R",
        };
        string scale = o.Scale switch
        {
            AdvantageScale.Group => Say($" over (std of the group + {o.AdvantageEpsilon})"),
            AdvantageScale.Batch => Say($" over (std of the step + {o.AdvantageEpsilon})"),
            _ => "",
        };
        string kl = o.Beta == 0 ? "no KL" : Say($"{o.Beta} {Kl(o.KlEstimator)}(pi, ref) in the ") + o.KlPlacement switch
        {
            KlPlacement.Loss => o.CorrectKl ? "loss, times the ratio" : "loss",
            KlPlacement.Reward => "reward of the completion",
            _ => "reward of each token",
        };
        return
        [
            $"A = ({baseline}){scale}{(o.WhitenAdvantages ? ", whitened over the tokens of the step" : "")}; groups of {o.GroupSize}" +
                (o.SamplingRounds > 1 ? $", those of equal rewards drawn anew from other prompts, {o.SamplingRounds} rounds at most" : ""),
            $"ratio = {ratio}",
            $"l = {surrogate}{Entropy(o.EntropyCoefficient)}",
            kl,
            .. Penalties(o.OverlongBuffer, o.OverlongPenalty, o.TruncatedReward),
            .. When(o.MaskTruncated, "completions that were cut off have no weight"),
            .. When(o.Aggregation == RewardAggregation.NormalizeThenSum,
                "each reward has a baseline and a scale of its own; their weighted sum is normalised over the step"),
            .. When(o.Correction != RolloutCorrection.None,
                Say($"rollouts corrected by {Spelled(o.Correction)}, weights within {o.CorrectionLow} .. {o.CorrectionHigh}")),
            .. When(o.OffPolicyThreshold > 0,
                Say($"completions of A < 0 are masked where mean (log pi - log old) < -{o.OffPolicyThreshold}")),
            "divided by " + o.Normalizer switch
            {
                LossNormalizer.Tokens => "the loss tokens of the optimizer step",
                LossNormalizer.Sequences => "the tokens of each completion, then the number of completions",
                LossNormalizer.SequenceSums => "the number of completions",
                _ => Say($"the number of completions times {o.Sampling.MaxNewTokens}"),
            },
            .. Optimizer(o),
            By(o, ["GrpoTrainer: linear_logprob", "AdvantageEstimator: group_advantages", .. Rewards(o),
                "SurrogateLoss: policy_loss" + (new SurrogateLoss(o.Objective(), o.Ratio).IsOfSequences ? ", sequence_ratio" : ""),
                .. When(o.Beta > 0 && o.KlEstimator == KlEstimator.Full, "ReferenceKl: full_kl")]),
        ];
    }

    private static string[] Lines(PpoOptions o) =>
    [
        (o.KlCoefficient == 0 ? "r_t = 0" : Say($"r_t = -{o.KlCoefficient} {Kl(o.KlEstimator)}(old, ref)")) + ", the score " +
            (o.ScorePosition == ScorePosition.Last ? "on the last token" : "one past the last token") +
            (o.ScoreClip > 0 ? Say($", within +-{o.ScoreClip}") : "") +
            (o.MissingEosPenalty > 0 ? Say($", less {o.MissingEosPenalty} where cut off") : "") +
            (o.KlTarget > 0 ? Say($"; the coefficient steers to a KL of {o.KlTarget} over {o.KlHorizon} samples") : ""),
        .. Penalties(o.OverlongBuffer, o.OverlongPenalty, o.TruncatedReward),
        .. When(o.WhitenRewards, "rewards divided by their standard deviation, the mean kept"),
        Say($"delta_t = r_t + {o.Gamma} V_(t+1) - V_t, A_t = delta_t + {o.Gamma * o.Lambda:G4} A_(t+1), R_t = A_t + V_t") +
            (o.WhitenAdvantages ? Say($"; A whitened, ddof {o.WhitenDdof}") : ""),
        Say($"policy: -min(ratio A, clip(ratio, {1 - o.ClipRange}, {1 + (o.ClipRangeHigh == 0 ? o.ClipRange : o.ClipRangeHigh)}) A)") +
            (o.DualClip > 0 ? Say($", at most -{o.DualClip} A for A < 0") : "") + Entropy(o.EntropyCoefficient),
        Say($"value: {o.ValueCoefficient} x 0.5 ") +
            (o.ClipRangeValue > 0 ? Say($"max((V - R)^2, (clip(V, old +- {o.ClipRangeValue}) - R)^2)") : "(V - R)^2") +
            (o.SharedTrunk ? ", a head on the policy's trunk" : ", a model of its own"),
        Say($"{o.Epochs} passes over {o.Rollouts} completions, {o.Minibatches} optimizer steps each"),
        .. Optimizer(o),
        By(o, ["PpoTrainer: " + (o.WhitenAdvantages || o.WhitenRewards ? "gae, whiten" : "gae") +
            ", linear_logprob, ppo_clip_loss, value_clip_loss", .. When(o.KlCoefficient > 0,
            o.KlEstimator == KlEstimator.Full ? "ReferenceKl: full_kl" : "TokenRewards: kl_penalty")]),
    ];

    private static string[] Rewards(GrpoOptions o)
    {
        bool estimates = o.KlPlacement != KlPlacement.Loss && o.Beta > 0 && o.KlEstimator != KlEstimator.Full;
        string[] ops = [.. When(estimates, "kl_penalty"), .. When(o.WhitenAdvantages, "whiten")];
        return When(ops.Length > 0, $"GrpoAdvantages: {string.Join(", ", ops)}");
    }

    private static string Kl(KlEstimator estimator) => estimator == KlEstimator.Full ? "KL over the vocabulary " : Spelled(estimator);

    private static string Entropy(float coefficient) => coefficient > 0 ? Say($" - {coefficient} entropy") : "";

    private static string[] Penalties(int buffer, float penalty, float truncated) =>
    [
        .. When(buffer > 0, Say($"rewards fall by up to {penalty} over the last {buffer} tokens before the longest length")),
        .. When(truncated is < 0, Say($"rewards of completions that were cut off are {truncated}")),
        .. When(truncated is >= 0 and not 1, Say($"rewards of completions that were cut off are multiplied by {truncated}")),
    ];

    private static string Spelled<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
