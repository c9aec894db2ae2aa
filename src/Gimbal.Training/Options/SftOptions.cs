using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Supervised fine-tuning: cross entropy of completions given prompts.</summary>
[OptionGroup("sft")]
public sealed record SftOptions : TrainerOptions
{
    /// <summary>Examples per step.</summary>
    [OptionGroup("train")]
    [Description("Examples per step.")]
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens an example may have, longer ones are cut at the end; 0: the model's context.</summary>
    [OptionGroup("train")]
    [Description("Tokens an example may have, longer ones are cut at the end; 0: the model's context.")]
    public int MaxLength { get; init; } = 0;

    /// <summary>Loss on the completion and its end token only, not on the prompt.</summary>
    [Description("Loss on the completion and its end token only, not on the prompt.")]
    public bool CompletionOnly { get; init; } = true;

    /// <summary>Loss on every turn of the assistant in rows of messages, not on the last alone.</summary>
    [Description("Loss on every turn of the assistant in rows of messages, not on the last alone.")]
    public bool AssistantOnly { get; init; } = false;

    /// <summary>NEFTune: uniform noise within +-this / sqrt(tokens x width) on the embeddings while training (5 in the paper); 0: none.</summary>
    [Description("NEFTune: uniform noise within +-this / sqrt(tokens x width) on the embeddings while training (5 in the paper); 0: none.")]
    public float NeftuneAlpha { get; init; } = 0f;

    /// <summary>Probability mass that the target spreads over the vocabulary.</summary>
    [Description("Probability mass that the target spreads over the vocabulary.")]
    public float LabelSmoothing { get; init; } = 0f;

    /// <summary>Each token's loss is multiplied by this power of its own probability, held: 0 is maximum likelihood, 1 dynamic fine-tuning.</summary>
    [Description("Each token's loss is multiplied by this power of its own probability, held: 0 is maximum likelihood, 1 dynamic fine-tuning.")]
    public float ProbabilityPower { get; init; } = 0f;

    /// <summary>Weight of the square of log sum exp, which keeps logits from drifting (1e-4 in PaLM).</summary>
    [Description("Weight of the square of log sum exp, which keeps logits from drifting (1e-4 in PaLM).")]
    public float ZLoss { get; init; } = 0f;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.AtLeast("train.batch_size", BatchSize, 1);
        OptionCheck.AtLeast("train.max_length", MaxLength, 0);
        OptionCheck.Below("sft.label_smoothing", LabelSmoothing, 0f, 1f);
        OptionCheck.AtLeast("sft.neftune_alpha", NeftuneAlpha, 0f);
        OptionCheck.AtLeast("sft.probability_power", ProbabilityPower, 0f);
        OptionCheck.AtLeast("sft.z_loss", ZLoss, 0f);
        if (AssistantOnly && !CompletionOnly)
            throw new InvalidConfigException("sft.assistant_only", "goes with sft.completion_only: prompts are either learnt or not.");
        if (ProbabilityPower > 0 && (LabelSmoothing > 0 || ZLoss > 0))
        {
            throw new InvalidConfigException("sft.probability_power", "goes with neither sft.label_smoothing nor sft.z_loss.");
        }
    }
}
