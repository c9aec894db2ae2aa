using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>What a run is watched for, and from where on it is warned of; 0 switches a watch off.</summary>
public sealed record WatchOptions : IOptions
{
    /// <summary>Warn where the KL to the reference exceeds this, in nats per token, mean over the window; 0: off.</summary>
    [Description("Warn where the KL to the reference exceeds this, in nats per token, mean over the window; 0: off.")]
    public float Kl { get; init; } = 1f;

    /// <summary>Warn where the entropy of a policy falls below this share of its first value, mean over the window; 0: off.</summary>
    [Description("Warn where the entropy of a policy falls below this share of its first value, mean over the window; 0: off.")]
    public float EntropyShare { get; init; } = 0.1f;

    /// <summary>Warn where completions are this many times as long as at first, or as short, mean over the window; 0: off.</summary>
    [Description("Warn where completions are this many times as long as at first, or as short, mean over the window; 0: off.")]
    public float LengthRatio { get; init; } = 3f;

    /// <summary>Warn where more than this share of groups has equal rewards, mean over the window; 0: off.</summary>
    [Description("Warn where more than this share of groups has equal rewards, mean over the window; 0: off.")]
    public float EqualGroups { get; init; } = 0.9f;

    /// <summary>Warn where the clip stops more than this share of tokens, mean over the window; 0: off.</summary>
    [Description("Warn where the clip stops more than this share of tokens, mean over the window; 0: off.")]
    public float ClipFraction { get; init; } = 0.3f;

    /// <summary>Warn where the gradient norm of a step exceeds this many times its median over the window; 0: off.</summary>
    [Description("Warn where the gradient norm of a step exceeds this many times its median over the window; 0: off.")]
    public float GradientSpike { get; init; } = 10f;

    /// <summary>Steps of the window; nothing is warned of before that many were seen.</summary>
    [Description("Steps of the window; nothing is warned of before that many were seen.")]
    public int Window { get; init; } = 10;

    /// <summary>A run that was warned of anything ends with exit code 1.</summary>
    [Description("A run that was warned of anything ends with exit code 1.")]
    public bool Strict { get; init; } = false;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.AtLeast("watch.kl", Kl, 0f);
        OptionCheck.Within("watch.entropy_share", EntropyShare, 0f, 1f);
        OptionCheck.AtLeast("watch.length_ratio", LengthRatio, 0f);
        OptionCheck.Within("watch.equal_groups", EqualGroups, 0f, 1f);
        OptionCheck.Within("watch.clip_fraction", ClipFraction, 0f, 1f);
        OptionCheck.AtLeast("watch.gradient_spike", GradientSpike, 0f);
        OptionCheck.AtLeast("watch.window", Window, 1);
        if (LengthRatio is > 0 and <= 1)
        {
            throw new InvalidConfigException("watch.length_ratio", "must be above 1, or 0 for no watch.");
        }
    }
}
