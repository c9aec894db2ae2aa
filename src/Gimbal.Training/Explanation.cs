using System.Globalization;

namespace Gimbal.Training;

/// <summary>Says in formulas, with their numbers, what a run as configured computes, and how that differs from named dialects.</summary>
public static class Explanation
{
    private static readonly (string Name, string[] Settings)[] PreferenceDialects =
    [
        ("DPO", ["dpo.loss=sigmoid", "dpo.label_smoothing=0", "dpo.length_normalized=false", "dpo.reference_free=false", "dpo.divergence=reverse_kl"]),
        ("IPO of TRL", ["dpo.loss=ipo", "dpo.length_normalized=true", "dpo.reference_free=false"]),
        ("CPO", ["dpo.loss=sigmoid, sft", "dpo.reference_free=true", "dpo.length_normalized=false"]),
        ("SimPO", ["dpo.loss=sigmoid", "dpo.reference_free=true", "dpo.length_normalized=true"]),
        ("ORPO of TRL", ["dpo.loss=odds_ratio, sft", "dpo.sft_prompt=true", "dpo.reference_free=true", "dpo.length_normalized=true"]),
        ("MPO", ["dpo.loss=sigmoid:0.8, bco_pair:0.2, sft:1", "dpo.reference_free=false"]),
    ];

    private static readonly (string Name, string[] Settings)[] GroupDialects =
    [
        ("GRPO", ["grpo.loss=clip", "grpo.ratio=token", "grpo.baseline=group", "grpo.scale=group", "grpo.normalizer=sequences", "grpo.kl_placement=loss"]),
        ("DAPO", ["grpo.loss=clip", "grpo.ratio=token", "grpo.clip_high=0.28", "grpo.beta=0", "grpo.normalizer=tokens", "grpo.sampling_rounds=10"]),
        ("Dr. GRPO", ["grpo.loss=clip", "grpo.scale=none", "grpo.normalizer=max_tokens"]),
        ("GSPO", ["grpo.loss=clip", "grpo.ratio=sequence", "grpo.normalizer=sequences"]),
        ("RLOO", ["grpo.ratio=sequence_sum", "grpo.baseline=leave_one_out", "grpo.scale=none", "grpo.kl_placement=reward", "grpo.kl_estimator=k1"]),
        ("REINFORCE++", ["grpo.baseline=none", "grpo.scale=none", "grpo.whiten_advantages=true", "grpo.kl_placement=token_reward", "grpo.kl_estimator=k1"]),
    ];

    private static readonly (string Name, string[] Settings)[] PpoDialects =
    [
        ("TRL", ["ppo.score_position=after_last", "ppo.kl_coefficient=0.05", "ppo.lambda=0.95", "ppo.epochs=4", "ppo.dual_clip=0"]),
        ("verl", ["ppo.dual_clip=3", "ppo.clip_range_value=0.5", "ppo.lambda=1", "ppo.epochs=1", "ppo.score_position=last"]),
        ("OpenRLHF", ["ppo.whiten_ddof=0", "ppo.score_clip=10", "ppo.clip_range_value=0.5", "ppo.lambda=1", "ppo.kl_coefficient=0.01"]),
        ("NeMo-RL", ["ppo.kl_coefficient=0", "ppo.clip_range_high=0.28", "ppo.dual_clip=10", "ppo.value_coefficient=1", "ppo.lambda=0.95"]),
        ("DeepSpeed-Chat", ["ppo.whiten_advantages=false", "ppo.score_clip=5", "ppo.kl_coefficient=0.1", "ppo.epochs=1"]),
    ];

    /// <summary>Lines about a configuration; none if it holds no method that has dialects.</summary>
    public static IReadOnlyList<string> Of(OptionLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return layers.Has<DpoOptions>() ? [.. Lines(layers.Get<DpoOptions>()), .. Differences(layers, PreferenceDialects)]
            : layers.Has<GrpoOptions>() ? [.. Lines(layers.Get<GrpoOptions>()), .. Differences(layers, GroupDialects)]
            : layers.Has<PpoOptions>() ? [.. Lines(layers.Get<PpoOptions>()), .. Differences(layers, PpoDialects)]
            : layers.Has<KtoOptions>() ? Lines(layers.Get<KtoOptions>())
            : layers.Has<SftOptions>() ? Lines(layers.Get<SftOptions>())
            : [];
    }

    /// <summary>Which numbers a model is of; nothing where all are float32.</summary>
    public static IReadOnlyList<string> OfDtype(OptionLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return layers.Has<ModelOptions>() && layers.Get<ModelOptions>().Dtype == ModelDtype.Bf16
            ? ["bfloat16: matrices, activations and their gradients, key-value cache; float32: master weights, moments, gradients of weights, norms, logits, losses"]
            : [];
    }

    private static string[] Lines(DpoOptions o)
    {
        string sum = o.LengthNormalized ? "mean" : "sum";
        string tail = o.LengthAlpha == 1 ? "" : Say($", tokens past the shorter completion weigh {o.LengthAlpha}");
        string score = o.Divergence switch
        {
            RatioDivergence.ForwardKl => "-exp(-h)",
            RatioDivergence.JensenShannon => "log sigmoid(h)",
            RatioDivergence.Alpha => Say($"exp({o.Alpha - 1:G4} h) / {o.Alpha - 1:G4}"),
            _ => "h",
        };
        return
        [
            $"h = log pi(y|x){(o.ReferenceFree ? "" : " - log ref(y|x)")}, {sum} over the completion's tokens{tail}",
            $"s = {score}; c = {Say($"{o.Beta}")} s_chosen, r = {Say($"{o.Beta}")} s_rejected, z = c - r{(o.Margin == 0 ? "" : Say($" - {o.Margin}"))}",
            .. PreferenceTerm.Parse("dpo.loss", o.Loss).Select(term => Say($"+ {term.Weight} x {term.Name}: ") + Formula(term, o)),
            Say($"mean over {o.BatchSize} pairs of the optimizer step"),
            .. Optimizer(o),
        ];
    }

    private static string Formula(PreferenceTerm term, DpoOptions o) => term.Name switch
    {
        "sigmoid" or "aot" or "aot_unpaired" => (o.LabelSmoothing == 0 ? "-log sigmoid(z)"
            : Say($"-{1 - o.LabelSmoothing} log sigmoid(z) - {o.LabelSmoothing} log sigmoid(-z)")) +
            (term.Matching == PairMatching.OwnPair ? "" : ", sides matched by rank over the step"),
        "robust" => Say($"(-{1 - o.LabelSmoothing} log sigmoid(z) + {o.LabelSmoothing} log sigmoid(-z)) / {1 - 2 * o.LabelSmoothing}"),
        "hinge" => "max(0, 1 - z)",
        "ipo" => Say($"((z - 1/2) / {o.Beta})^2"),
        "exo_pair" => Say($"KL of (sigmoid(z), sigmoid(-z)) to ({1 - o.LabelSmoothing}, {o.LabelSmoothing})"),
        "nca_pair" => "-log sigmoid(c) - log sigmoid(-c) / 2 - log sigmoid(-r) / 2",
        "bco_pair" => "-log sigmoid(c) - log sigmoid(-r)",
        "apo_zero" => "sigmoid(-c) + sigmoid(r)",
        "apo_down" => "sigmoid(c) + sigmoid(-z)",
        "sppo_hard" => Say($"(s_chosen - {0.5 / o.Beta:G4})^2 + (s_rejected + {0.5 / o.Beta:G4})^2"),
        "discopop" => Say($"-(1 - m) log sigmoid(z) + m exp(-z), m = sigmoid(z / {o.Temperature})"),
        "odds_ratio" => Say($"-{o.Beta} log sigmoid(o_chosen - o_rejected), o = h - log(1 - e^h)"),
        _ => o.SftPrompt ? "-log pi(x, y_chosen), mean over the tokens of the chosen completions and their prompts"
            : "-log pi(y_chosen|x), mean over the tokens of the chosen completions",
    };

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
            PolicyLossKind.Vespo => Say($"-phi A log pi, phi = e^l w^k e^(-l w) held, (k, l) = ({o.VespoPositive}, {o.VespoPositiveRate}) for A >= 0, ({o.VespoNegative}, {o.VespoNegativeRate}) otherwise"),
            _ => Say($"-min({(o.Delta > 0 ? Say($"min(ratio, {o.Delta})") : "ratio")} A, clip(ratio, {1 - o.ClipLow}, {1 + o.ClipHigh}) A)") +
                (o.DualClip > 0 ? Say($", at most -{o.DualClip} A for A < 0") : ""),
        };
        string baseline = o.Baseline switch { AdvantageBaseline.Group => "R - mean of the group", AdvantageBaseline.LeaveOneOut => "R - mean of the others of the group", _ => "R" };
        string scale = o.Scale switch { AdvantageScale.Group => Say($" over (std of the group + {o.AdvantageEpsilon})"), AdvantageScale.Batch => Say($" over (std of the step + {o.AdvantageEpsilon})"), _ => "" };
        string kl = o.Beta == 0 ? "no KL" : Say($"{o.Beta} {o.KlEstimator.ToString().ToLowerInvariant()}(pi, ref) in the ") + o.KlPlacement switch
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
            $"l = {surrogate}{(o.EntropyCoefficient > 0 ? Say($" - {o.EntropyCoefficient} entropy") : "")}",
            kl,
            "divided by " + o.Normalizer switch
            {
                LossNormalizer.Tokens => "the loss tokens of the optimizer step",
                LossNormalizer.Sequences => "the tokens of each completion, then the number of completions",
                LossNormalizer.SequenceSums => "the number of completions",
                _ => Say($"the number of completions times {o.Sampling.MaxNewTokens}"),
            },
            .. Optimizer(o),
        ];
    }

    private static string[] Lines(PpoOptions o) =>
    [
        Say($"r_t = -{o.KlCoefficient} {o.KlEstimator.ToString().ToLowerInvariant()}(old, ref), the score ") + (o.ScorePosition == ScorePosition.Last ? "on the last token" : "one past the last token") +
            (o.ScoreClip > 0 ? Say($", within +-{o.ScoreClip}") : "") + (o.MissingEosPenalty > 0 ? Say($", less {o.MissingEosPenalty} where cut off") : "") +
            (o.KlTarget > 0 ? Say($"; the coefficient steers to a KL of {o.KlTarget} over {o.KlHorizon} samples") : ""),
        Say($"delta_t = r_t + {o.Gamma} V_(t+1) - V_t, A_t = delta_t + {o.Gamma * o.Lambda:G4} A_(t+1), R_t = A_t + V_t") + (o.WhitenAdvantages ? Say($"; A whitened, ddof {o.WhitenDdof}") : ""),
        Say($"policy: -min(ratio A, clip(ratio, {1 - o.ClipRange}, {1 + (o.ClipRangeHigh == 0 ? o.ClipRange : o.ClipRangeHigh)}) A)") +
            (o.DualClip > 0 ? Say($", at most -{o.DualClip} A for A < 0") : "") + (o.EntropyCoefficient > 0 ? Say($" - {o.EntropyCoefficient} entropy") : ""),
        Say($"value: {o.ValueCoefficient} x 0.5 ") + (o.ClipRangeValue > 0 ? Say($"max((V - R)^2, (clip(V, old +- {o.ClipRangeValue}) - R)^2)") : "(V - R)^2") +
            (o.SharedTrunk ? ", a head on the policy's trunk" : ", a model of its own"),
        Say($"{o.Epochs} passes over {o.Rollouts} completions, {o.Minibatches} optimizer steps each"),
        .. Optimizer(o),
    ];

    private static string[] Lines(KtoOptions o) =>
    [
        Say($"reward = {o.Beta} (log pi(y|x) - log ref(y|x)); x = reward - shift where desirable, shift - reward elsewhere"),
        o.Loss switch
        {
            UnpairedLossKind.Kto => Say($"l = 1 - sigmoid(x), shift = {o.Beta} z0, z0 = mean log-ratio of mismatched completions of the step, at least 0"),
            UnpairedLossKind.Bco => "l = -log sigmoid(x), shift = the running mean of all rewards",
            _ => "l = 1 - sigmoid(x), shift = 0",
        },
        Say($"weights {o.DesirableWeight} desirable, {o.UndesirableWeight} not; mean over {o.BatchSize} examples"),
        .. Optimizer(o),
    ];

    private static string[] Lines(SftOptions o) =>
    [
        o.ProbabilityPower > 0 ? Say($"l = -p^{o.ProbabilityPower} log p of the target, the power held")
            : o.LabelSmoothing > 0 ? Say($"l = -{1 - o.LabelSmoothing} log p_target - {o.LabelSmoothing} mean log p") : "l = -log p of the target",
        .. o.ZLoss > 0 ? new[] { Say($"+ {o.ZLoss} (log sum exp)^2") } : [],
        .. o.NeftuneAlpha > 0 ? new[] { Say($"embeddings + uniform noise within +-{o.NeftuneAlpha} / sqrt(tokens x width) (NEFTune)") } : [],
        "mean over the loss tokens of the optimizer step, " + (!o.CompletionOnly ? "prompts too"
            : o.AssistantOnly ? "every turn of the assistant" : "completions alone"),
        "sequences lie end to end without padding, attention kept apart",
        .. Optimizer(o),
    ];

    private static string[] Optimizer(TrainerOptions o) =>
    [
        Say($"AdamW: rate {o.Optimizer.LearningRate}, betas {o.Optimizer.Beta1}, {o.Optimizer.Beta2}, decay {o.Optimizer.WeightDecay}; ") +
            (o.Optimizer.MaxGradientNorm > 0 ? Say($"gradient clipped to {(o.Optimizer.MaximumNorm ? "largest element" : "norm")} {o.Optimizer.MaxGradientNorm}") : "no clipping"),
    ];

    /// <summary>Of each dialect the keys that it would set otherwise.</summary>
    private static IEnumerable<string> Differences(OptionLayers layers, (string Name, string[] Settings)[] dialects)
    {
        foreach ((string name, string[] settings) in dialects)
        {
            string[] others = [.. settings.Where(setting => !Holds(layers, setting))];
            yield return others.Length == 0 ? $"{name}: as configured" : $"{name}: would have {string.Join("; ", others)}";
        }
    }

    private static bool Holds(OptionLayers layers, string setting)
    {
        string[] parts = setting.Split('=', 2);
        string is0 = layers.Keys.First(key => key.Name == parts[0]).Text;
        return is0 == parts[1] || (double.TryParse(is0, CultureInfo.InvariantCulture, out double number)
            && double.TryParse(parts[1], CultureInfo.InvariantCulture, out double wanted) && Math.Abs(number - wanted) < 1e-6);
    }

    private static string Say(FormattableString text) => FormattableString.Invariant(text);
}
