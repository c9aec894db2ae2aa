using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>What a completion is worth.</summary>
[OptionGroup("reward")]
public sealed record RewardFunctionOptions : IOptions
{
    /// <summary>exact, numeric, regex, length, lexicon or model.</summary>
    [Description("exact, numeric, regex, length, lexicon or model.")]
    public RewardKind Kind { get; init; } = RewardKind.Exact;

    /// <summary>Column that holds the right answer (exact, numeric).</summary>
    [Description("Column that holds the right answer (exact, numeric).")]
    public string Column { get; init; } = "answer";

    /// <summary>Regular expression that the completion must match (regex).</summary>
    [Description("Regular expression that the completion must match (regex).")]
    public string? Pattern { get; init; }

    /// <summary>Tokens wanted: the reward is 1 there and falls linearly to 0 at none and at twice as many (length).</summary>
    [Description("Tokens wanted: the reward is 1 there and falls linearly to 0 at none and at twice as many (length).")]
    public int Target { get; init; } = 64;

    /// <summary>Lexicon file: word, tab, score (lexicon).</summary>
    [Description("Lexicon file: word, tab, score (lexicon).")]
    public string? Lexicon { get; init; }

    /// <summary>Folder of a reward model (model).</summary>
    [Description("Folder of a reward model (model).")]
    public string? Model { get; init; }

    /// <summary>A reward model's scores are centred and scaled by their moments on its training pairs (model).</summary>
    [Description("A reward model's scores are centred and scaled by their moments on its training pairs (model).")]
    public bool Standardize { get; init; } = false;

    /// <summary>Scores are clipped to +- clip; 0: no clipping.</summary>
    [Description("Scores are clipped to +- clip; 0: no clipping.")]
    public float Clip { get; init; } = 0f;

    /// <summary>Seconds that the scoring of a batch may take; samples of a batch that takes longer are left out; 0: no limit. Not for a reward model.</summary>
    [Description("Seconds that the scoring of a batch may take; samples of a batch that takes longer are left out; 0: no limit. Not for a reward model.")]
    public float TimeoutSeconds { get; init; } = 0f;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.File("reward.lexicon", Lexicon);
        OptionCheck.Folder("reward.model", Model);
        OptionCheck.AtLeast("reward.target", Target, 1);
        OptionCheck.AtLeast("reward.clip", Clip, 0f);
        OptionCheck.Within("reward.timeout_seconds", TimeoutSeconds, 0f, 1e6f);
        OptionCheck.Needed("reward.pattern", Pattern, Kind == RewardKind.Regex, "reward.kind is regex");
        OptionCheck.Needed("reward.lexicon", Lexicon, Kind == RewardKind.Lexicon, "reward.kind is lexicon");
        OptionCheck.Needed("reward.model", Model, Kind == RewardKind.Model, "reward.kind is model");
    }
}
