using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Alignment from single completions, each labelled desirable or not (Ethayarajh et al. 2024).</summary>
[OptionGroup("kto")]
public sealed record KtoOptions : TrainerOptions
{
    /// <summary>Examples per step.</summary>
    [OptionGroup("train")]
    [Description("Examples per step.")]
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.</summary>
    [OptionGroup("train")]
    [Description("Tokens prompt and completion may have together, longer completions are cut; 0: the model's context.")]
    public int MaxLength { get; init; } = 0;

    /// <summary>The loss: kto, bco, or apo_zero (kto measured from 0).</summary>
    [Description("The loss: kto, bco, or apo_zero (kto measured from 0).")]
    public UnpairedLossKind Loss { get; init; } = UnpairedLossKind.Kto;

    /// <summary>Strength of the pull to the reference.</summary>
    [Description("Strength of the pull to the reference.")]
    public float Beta { get; init; } = 0.1f;

    /// <summary>Weight of desirable examples.</summary>
    [Description("Weight of desirable examples.")]
    public float DesirableWeight { get; init; } = 1f;

    /// <summary>Weight of the others.</summary>
    [Description("Weight of the others.")]
    public float UndesirableWeight { get; init; } = 1f;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("train.batch_size", BatchSize, Loss == UnpairedLossKind.Kto ? 2 : 1);
        OptionCheck.AtLeast("train.max_length", MaxLength, 0);
        OptionCheck.Above("kto.beta", Beta, 0f);
        OptionCheck.AtLeast("kto.desirable_weight", DesirableWeight, 0f);
        OptionCheck.AtLeast("kto.undesirable_weight", UndesirableWeight, 0f);
    }
}
