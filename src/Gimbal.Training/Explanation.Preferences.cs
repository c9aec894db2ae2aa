namespace Gimbal.Training;

/// <summary>Losses from completions that were judged before: pairs, and completions with a label.</summary>
public static partial class Explanation
{
    private static string[] Lines(DpoOptions o)
    {
        IReadOnlyList<PreferenceTerm> terms = [.. PreferenceTerm.Parse("dpo.loss", o.Loss)];
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
            Say($"s = {score}; c = {o.Beta} s_chosen, r = {o.Beta} s_rejected, z = c - r") + (o.Margin == 0 ? "" : Say($" - {o.Margin}")),
            .. terms.Select(term => Say($"+ {term.Weight} x {term.Name}: ") + Formula(term, o)),
            Say($"mean over {o.BatchSize} pairs of the optimizer step"),
            .. Optimizer(o),
            By(o, ["DpoTrainer: linear_logprob, segment_sum" + (terms.Any(term => term.Name == "sft") ? ", nll_loss" : ""),
                "PreferenceLosses: preference_loss"]),
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

    private static string[] Lines(KtoOptions o) =>
    [
        Say($"reward = {o.Beta} (log pi(y|x) - log ref(y|x)); x = reward - shift where desirable, shift - reward elsewhere"),
        o.Loss switch
        {
            UnpairedLossKind.Kto => Say($"l = 1 - sigmoid(x), shift = {o.Beta} z0, ") +
                "z0 = mean log-ratio of mismatched completions of the step, at least 0",
            UnpairedLossKind.Bco => "l = -log sigmoid(x), shift = the running mean of all rewards",
            _ => "l = 1 - sigmoid(x), shift = 0",
        },
        Say($"weights {o.DesirableWeight} desirable, {o.UndesirableWeight} not; mean over {o.BatchSize} examples"),
        .. Optimizer(o),
        By(o, ["KtoTrainer: linear_logprob, segment_sum, unpaired_loss"]),
    ];
}
