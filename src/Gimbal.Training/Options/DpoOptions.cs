using System.ComponentModel;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Direct preference optimisation (Rafailov et al. 2023).</summary>
[OptionGroup("dpo")]
public sealed record DpoOptions : TrainerOptions
{
    /// <summary>Lays the settings of a named dialect under those that a file or command line gives: dpo, ipo, cpo, simpo, orpo, mpo.</summary>
    [Description("Lays the settings of a named dialect under those that a file or command line gives: dpo, ipo, cpo, simpo, orpo, mpo.")]
    public string? Dialect { get; init; }

    /// <summary>Pairs per step.</summary>
    [OptionGroup("train")]
    [Description("Pairs per step.")]
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.</summary>
    [OptionGroup("train")]
    [Description("Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.")]
    public int MaxLength { get; init; } = 0;

    /// <summary>The loss, or several with weights (sigmoid:0.8, bco_pair:0.2, sft:1): sigmoid (DPO), robust, hinge, ipo, exo_pair, nca_pair, bco_pair, apo_zero, apo_down, sppo_hard, discopop, odds_ratio (ORPO), aot, aot_unpaired, sft.</summary>
    [Description("The loss, or several with weights (sigmoid:0.8, bco_pair:0.2, sft:1): sigmoid (DPO), robust, hinge, ipo, exo_pair, nca_pair, bco_pair, apo_zero, apo_down, sppo_hard, discopop, odds_ratio (ORPO), aot, aot_unpaired, sft.")]
    public string Loss { get; init; } = "sigmoid";

    /// <summary>The sft term learns the prompts of chosen completions too, as TRL's ORPO does.</summary>
    [Description("The sft term learns the prompts of chosen completions too, as TRL's ORPO does.")]
    public bool SftPrompt { get; init; } = false;

    /// <summary>Strength of the pull to the reference: the loss is -log sigmoid(beta Z).</summary>
    [Description("Strength of the pull to the reference: the loss is -log sigmoid(beta Z).")]
    public float Beta { get; init; } = 0.1f;

    /// <summary>Share of pairs taken to be labelled the wrong way round: of sigmoid (cDPO), aot, robust and exo_pair.</summary>
    [Description("Share of pairs taken to be labelled the wrong way round: of sigmoid (cDPO), aot, robust and exo_pair.")]
    public float LabelSmoothing { get; init; } = 0f;

    /// <summary>Taken off beta Z: SimPO's gamma.</summary>
    [Description("Taken off beta Z: SimPO's gamma.")]
    public float Margin { get; init; } = 0f;

    /// <summary>Log-probabilities are means over the completion's tokens, not sums.</summary>
    [Description("Log-probabilities are means over the completion's tokens, not sums.")]
    public bool LengthNormalized { get; init; } = false;

    /// <summary>No reference model: its log-probabilities count as 0 (CPO, SimPO, ORPO).</summary>
    [Description("No reference model: its log-probabilities count as 0 (CPO, SimPO, ORPO).")]
    public bool ReferenceFree { get; init; } = false;

    /// <summary>What a log-ratio counts as (f-DPO): reverse_kl, forward_kl, jensen_shannon or alpha.</summary>
    [Description("What a log-ratio counts as (f-DPO): reverse_kl, forward_kl, jensen_shannon or alpha.")]
    public RatioDivergence Divergence { get; init; } = RatioDivergence.ReverseKl;

    /// <summary>Of the alpha divergence; 1 is the reverse KL. AlphaPO's alpha is 1 minus this.</summary>
    [Description("Of the alpha divergence; 1 is the reverse KL. AlphaPO's alpha is 1 minus this.")]
    public float Alpha { get; init; } = 0.5f;

    /// <summary>Temperature of discopop.</summary>
    [Description("Temperature of discopop.")]
    public float Temperature { get; init; } = 0.05f;

    /// <summary>Weight of the tokens past the shorter completion's length (LD-DPO); 1: all count alike.</summary>
    [Description("Weight of the tokens past the shorter completion's length (LD-DPO); 1: all count alike.")]
    public float LengthAlpha { get; init; } = 1f;

    /// <summary>Compute the reference's log-probabilities once, before the first step; the reference model is then not kept.</summary>
    [Description("Compute the reference's log-probabilities once, before the first step; the reference model is then not kept.")]
    public bool PrecomputeReference { get; init; } = true;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("train.batch_size", BatchSize, 1);
        OptionCheck.AtLeast("train.max_length", MaxLength, 0);
        OptionCheck.Above("dpo.beta", Beta, 0f);
        OptionCheck.Below("dpo.label_smoothing", LabelSmoothing, 0f, 0.5f);
        OptionCheck.Within("dpo.length_alpha", LengthAlpha, 0f, 1f);
        OptionCheck.Above("dpo.temperature", Temperature, 0f);
        PreferenceTerm[] terms = [.. PreferenceTerm.Parse("dpo.loss", Loss)];
        Array.ForEach(terms, Validate);
        if (SftPrompt && !Array.Exists(terms, term => term.Name == "sft"))
            throw new InvalidConfigException("dpo.sft_prompt", "is of the sft term: add sft to dpo.loss.");
    }

    private void Validate(PreferenceTerm term)
    {
        if (term.Form == PreferenceForm.Exo && LabelSmoothing == 0)
        {
            throw new InvalidConfigException("dpo.label_smoothing", "must be above 0 for exo_pair, whose target is 1 - e against e.");
        }

        if (term.Form == PreferenceForm.OddsRatio && !(LengthNormalized && ReferenceFree))
        {
            throw new InvalidConfigException("dpo.loss",
                "odds_ratio is of mean log-probabilities without a reference: set dpo.length_normalized and dpo.reference_free.");
        }

        if (term.Form is PreferenceForm.ApoZero or PreferenceForm.ApoDown or PreferenceForm.OddsRatio
            && Divergence != RatioDivergence.ReverseKl)
        {
            throw new InvalidConfigException("dpo.divergence", $"must be reverse_kl with {term.Name}.");
        }
    }
}
