using System.ComponentModel;
using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>Group relative policy optimisation (Shao et al. 2024).</summary>
[OptionGroup("grpo")]
public sealed record GrpoOptions : TrainerOptions
{
    /// <summary>Prompts per step; each is answered group_size times.</summary>
    [Description("Prompts per step; each is answered group_size times.")]
    public int PromptsPerStep { get; init; } = 8;

    /// <summary>Completions per prompt; their mean reward is the baseline.</summary>
    [Description("Completions per prompt; their mean reward is the baseline.")]
    public int GroupSize { get; init; } = 8;

    /// <summary>The ratio's gradient stops below 1 - clip_low where the advantage is negative.</summary>
    [Description("The ratio's gradient stops below 1 - clip_low where the advantage is negative.")]
    public float ClipLow { get; init; } = 0.2f;

    /// <summary>The ratio's gradient stops above 1 + clip_high where the advantage is positive.</summary>
    [Description("The ratio's gradient stops above 1 + clip_high where the advantage is positive.")]
    public float ClipHigh { get; init; } = 0.2f;

    /// <summary>Upper bound of the ratio where the advantage is negative; 0: none.</summary>
    [Description("Upper bound of the ratio where the advantage is negative; 0: none.")]
    public float Delta { get; init; } = 0f;

    /// <summary>Weight of the k3 estimate of the KL to the reference; 0: no reference model.</summary>
    [Description("Weight of the k3 estimate of the KL to the reference; 0: no reference model.")]
    public float Beta { get; init; } = 0.04f;

    /// <summary>Added to the group's standard deviation.</summary>
    [Description("Added to the group's standard deviation.")]
    public float AdvantageEpsilon { get; init; } = 1e-4f;

    /// <summary>Advantages are divided by the group's standard deviation (group) or not (none).</summary>
    [Description("Advantages are divided by the group's standard deviation (group) or not (none).")]
    public AdvantageScale Scale { get; init; } = AdvantageScale.Group;

    /// <summary>The loss is divided by the loss tokens of the step (tokens), or is the mean of the sequences' means (sequences).</summary>
    [Description("The loss is divided by the loss tokens of the step (tokens), or is the mean of the sequences' means (sequences).")]
    public LossNormalizer Normalizer { get; init; } = LossNormalizer.Tokens;

    /// <summary>Passes over each rollout.</summary>
    [Description("Passes over each rollout.")]
    public int InnerEpochs { get; init; } = 1;

    /// <summary>Optimizer steps per pass; groups are split evenly.</summary>
    [Description("Optimizer steps per pass; groups are split evenly.")]
    public int Minibatches { get; init; } = 1;

    /// <summary>How completions are drawn while training; temperature 1 and no truncation unless said.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("grpo.prompts_per_step", PromptsPerStep, 1);
        OptionCheck.AtLeast("grpo.group_size", GroupSize, 2);
        OptionCheck.Below("grpo.clip_low", ClipLow, 0f, 1f);
        OptionCheck.AtLeast("grpo.clip_high", ClipHigh, 0f);
        OptionCheck.AtLeast("grpo.delta", Delta, 0f);
        OptionCheck.AtLeast("grpo.beta", Beta, 0f);
        OptionCheck.AtLeast("grpo.advantage_epsilon", AdvantageEpsilon, 0f);
        OptionCheck.AtLeast("grpo.inner_epochs", InnerEpochs, 1);
        OptionCheck.Divides("grpo.minibatches", Minibatches, PromptsPerStep * GroupSize, "the completions of a step");
        Sampling.Validate();
    }
}
