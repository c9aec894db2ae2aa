using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>A reward model from preference pairs (Bradley-Terry).</summary>
[OptionGroup("reward_model")]
public sealed record RewardOptions : TrainerOptions
{
    /// <summary>Pairs per step.</summary>
    [OptionGroup("train")]
    [Description("Pairs per step.")]
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens prompt and completion may have together, pairs with a longer side are left out; 0: the model's context.</summary>
    [OptionGroup("train")]
    [Description("Tokens prompt and completion may have together, pairs with a longer side are left out; 0: the model's context.")]
    public int MaxLength { get; init; } = 0;

    /// <summary>Weight of (chosen + rejected)^2, which keeps the scores centred on 0.</summary>
    [Description("Weight of (chosen + rejected)^2, which keeps the scores centred on 0.")]
    public float Center { get; init; } = 0.01f;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("train.batch_size", BatchSize, 1);
        OptionCheck.AtLeast("train.max_length", MaxLength, 0);
        OptionCheck.AtLeast("reward_model.center", Center, 0f);
    }
}
