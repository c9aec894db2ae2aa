using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Direct preference optimisation (Rafailov et al. 2023).</summary>
[OptionGroup("dpo")]
public sealed record DpoOptions : TrainerOptions
{
    /// <summary>Pairs per step.</summary>
    [OptionGroup("train")]
    [Description("Pairs per step.")]
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.</summary>
    [OptionGroup("train")]
    [Description("Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.")]
    public int MaxLength { get; init; } = 0;

    /// <summary>Strength of the pull to the reference: the loss is -log sigmoid(beta Z).</summary>
    [Description("Strength of the pull to the reference: the loss is -log sigmoid(beta Z).")]
    public float Beta { get; init; } = 0.1f;

    /// <summary>Share of pairs taken to be labelled the wrong way round (cDPO).</summary>
    [Description("Share of pairs taken to be labelled the wrong way round (cDPO).")]
    public float LabelSmoothing { get; init; } = 0f;

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
    }
}
