using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>AdamW, gradient clipping and the learning rate's course.</summary>
public sealed record OptimizerOptions : IOptions
{
    /// <summary>Largest learning rate, reached after the warm-up.</summary>
    [Description("Largest learning rate, reached after the warm-up.")]
    public float LearningRate { get; init; } = 1e-4f;

    /// <summary>Decay of the first moment.</summary>
    [Description("Decay of the first moment.")]
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the second moment.</summary>
    [Description("Decay of the second moment.")]
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Added to the root of the second moment.</summary>
    [Description("Added to the root of the second moment.")]
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decoupled weight decay of matrices; vectors do not decay.</summary>
    [Description("Decoupled weight decay of matrices; vectors do not decay.")]
    public float WeightDecay { get; init; } = 0f;

    /// <summary>The global gradient norm is clipped to this; 0: no clipping.</summary>
    [Description("The global gradient norm is clipped to this; 0: no clipping.")]
    public float MaxGradientNorm { get; init; } = 1f;

    /// <summary>The gradient is clipped by its largest element, not by its Euclidean norm.</summary>
    [Description("The gradient is clipped by its largest element, not by its Euclidean norm.")]
    public bool MaximumNorm { get; init; } = false;

    /// <summary>Course of the learning rate after the warm-up: cosine, linear, constant, cosine_restarts, polynomial, inverse_sqrt or warmup_stable_decay.</summary>
    [Description("Course of the learning rate after the warm-up: cosine, linear, constant, cosine_restarts, polynomial, inverse_sqrt or warmup_stable_decay.")]
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Linear;

    /// <summary>Steps over which the learning rate rises linearly.</summary>
    [Description("Steps over which the learning rate rises linearly.")]
    public int WarmupSteps { get; init; } = 0;

    /// <summary>The schedule ends at this share of the largest learning rate.</summary>
    [Description("The schedule ends at this share of the largest learning rate.")]
    public float MinimumRatio { get; init; } = 0f;

    /// <summary>The warm-up begins at this share of the largest learning rate.</summary>
    [Description("The warm-up begins at this share of the largest learning rate.")]
    public float InitialRatio { get; init; } = 0f;

    /// <summary>Cycles of cosine_restarts.</summary>
    [Description("Cycles of cosine_restarts.")]
    public int Cycles { get; init; } = 1;

    /// <summary>Power of polynomial.</summary>
    [Description("Power of polynomial.")]
    public float Power { get; init; } = 1f;

    /// <summary>Share of the steps after the warm-up that warmup_stable_decay stays at the largest rate.</summary>
    [Description("Share of the steps after the warm-up that warmup_stable_decay stays at the largest rate.")]
    public float StableRatio { get; init; } = 0.9f;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.Within("optimizer.learning_rate", LearningRate, 0f, 10f);
        OptionCheck.Below("optimizer.beta1", Beta1, 0f, 1f);
        OptionCheck.Below("optimizer.beta2", Beta2, 0f, 1f);
        OptionCheck.Within("optimizer.epsilon", Epsilon, 0f, 1f);
        OptionCheck.Within("optimizer.weight_decay", WeightDecay, 0f, 10f);
        OptionCheck.AtLeast("optimizer.max_gradient_norm", MaxGradientNorm, 0f);
        OptionCheck.AtLeast("optimizer.warmup_steps", WarmupSteps, 0);
        OptionCheck.Within("optimizer.minimum_ratio", MinimumRatio, 0f, 1f);
        OptionCheck.Within("optimizer.initial_ratio", InitialRatio, 0f, 1f);
        OptionCheck.AtLeast("optimizer.cycles", Cycles, 1);
        OptionCheck.Above("optimizer.power", Power, 0f);
        OptionCheck.Within("optimizer.stable_ratio", StableRatio, 0f, 1f);
    }
}
