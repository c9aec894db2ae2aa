using System.Globalization;

namespace Gimbal.Training;

/// <summary>
/// Says in formulas, with their numbers, what a run as configured computes, in which file and by which op, and how it differs from
/// named dialects.
/// </summary>
public static partial class Explanation
{
    /// <summary>Lines about a configuration; none if it holds no method that has formulas.</summary>
    public static IReadOnlyList<string> Of(OptionLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return layers.Has<DpoOptions>() ? [.. Lines(layers.Get<DpoOptions>()), .. Differences(layers, Dialects.Preferences)]
            : layers.Has<GrpoOptions>() ? [.. Lines(layers.Get<GrpoOptions>()), .. Differences(layers, Dialects.Groups)]
            : layers.Has<PpoOptions>() ? [.. Lines(layers.Get<PpoOptions>()), .. Differences(layers, Dialects.Ppo)]
            : layers.Has<KtoOptions>() ? Lines(layers.Get<KtoOptions>())
            : layers.Has<ControlOptions>() ? [.. Lines(layers.Get<ControlOptions>()), .. Differences(layers, Dialects.Control)]
            : layers.Has<RewardOptions>() ? [.. Lines(layers.Get<RewardOptions>()), .. Differences(layers, Dialects.Rewards)]
            : layers.Has<SftOptions>() ? Lines(layers.Get<SftOptions>())
            : [];
    }

    /// <summary>Which numbers a model is of; nothing where all are float32.</summary>
    public static IReadOnlyList<string> OfDtype(OptionLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return layers.Has<ModelOptions>() && layers.Get<ModelOptions>().Dtype == ModelDtype.Bf16
            ? ["bfloat16: matrices, activations and their gradients, key-value cache; " +
                "float32: master weights, moments, gradients of weights, norms, logits, losses"]
            : [];
    }

    private static string[] Lines(SftOptions o) =>
    [
        o.ProbabilityPower > 0 ? Say($"l = -p^{o.ProbabilityPower} log p of the target, the power held")
            : o.LabelSmoothing > 0 ? Say($"l = -{1 - o.LabelSmoothing} log p_target - {o.LabelSmoothing} mean log p")
            : "l = -log p of the target",
        .. When(o.ZLoss > 0, Say($"+ {o.ZLoss} (log sum exp)^2")),
        .. When(o.NeftuneAlpha > 0, Say($"embeddings + uniform noise within +-{o.NeftuneAlpha} / sqrt(tokens x width) (NEFTune)")),
        "mean over the loss tokens of the optimizer step, " + (!o.CompletionOnly ? "prompts too"
            : o.AssistantOnly ? "every turn of the assistant" : "completions alone"),
        "sequences lie end to end without padding, attention kept apart",
        .. Optimizer(o),
        By(o, ["SftTrainer: linear_logprob, " + (o.ProbabilityPower > 0 ? "nll_loss" : o.LabelSmoothing > 0 ? "cross_entropy"
            : "nll_loss, cross_entropy_backward") + (o.ZLoss > 0 ? ", z_loss" : "")]),
    ];

    private static string[] Optimizer(TrainerOptions o) =>
    [
        Say($"AdamW: rate {o.Optimizer.LearningRate}, betas {o.Optimizer.Beta1}, {o.Optimizer.Beta2}, decay {o.Optimizer.WeightDecay}; ") +
            (o.Optimizer.MaxGradientNorm == 0 ? "no clipping"
            : Say($"gradient clipped to {(o.Optimizer.MaximumNorm ? "largest element" : "norm")} {o.Optimizer.MaxGradientNorm}")),
    ];

    /// <summary>The files of the trainer's room and, behind each, the ops that it calls for this run.</summary>
    private static string By(TrainerOptions o, string[] files) =>
        "by " + string.Join("; ", [.. files, $"Optimizer: {(o.Optimizer.MaximumNorm ? "grad_max" : "grad_norm")}, adamw"]);

    private static string[] When(bool holds, string line) => holds ? [line] : [];

    /// <summary>Of each dialect the keys that it would set otherwise.</summary>
    private static IEnumerable<string> Differences(OptionLayers layers, IReadOnlyList<Dialect> dialects)
    {
        foreach (Dialect dialect in dialects)
        {
            string others = string.Join("; ", dialect.Settings.Where(setting => !Holds(layers, setting)));
            yield return dialect.Title + (others.Length == 0 ? ": as configured" : ": would have " + others);
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
