using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>What <c>gimbal compare</c> does beyond the trainers' own options.</summary>
[OptionGroup("compare")]
public sealed record CompareOptions : IOptions
{
    /// <summary>sums: made by the command itself. stories: a model, prompts, pairs and a lexicon from a folder.</summary>
    [Description("sums: made by the command itself. stories: a model, prompts, pairs and a lexicon from a folder.")]
    public CompareTaskKind Task { get; init; } = CompareTaskKind.Sums;

    /// <summary>Run folder; without one the command makes one under runs/.</summary>
    [OptionGroup("")]
    [Description("Run folder; without one the command makes one under runs/.")]
    public string? Output { get; init; }

    /// <summary>Seed of every random draw.</summary>
    [OptionGroup("")]
    [Description("Seed of every random draw.")]
    public ulong Seed { get; init; }

    /// <summary>Folder of the data of stories; without one the folder two above the model's.</summary>
    [Description("Folder of the data of stories; without one the folder two above the model's.")]
    public string? Data { get; init; }

    /// <summary>Demonstrations that sums makes.</summary>
    [Description("Demonstrations that sums makes.")]
    public int Demonstrations { get; init; } = 100_000;

    /// <summary>Training prompts whose completions are ranked into pairs.</summary>
    [Description("Training prompts whose completions are ranked into pairs.")]
    public int PairPrompts { get; init; } = 8000;

    /// <summary>Completions of each of them.</summary>
    [Description("Completions of each of them.")]
    public int PairSamples { get; init; } = 8;

    /// <summary>Most pairs of a prompt.</summary>
    [Description("Most pairs of a prompt.")]
    public int PairsPerPrompt { get; init; } = 3;

    /// <summary>Rank the model's own completions into pairs even where the task brings a file of them.</summary>
    [Description("Rank the model's own completions into pairs even where the task brings a file of them.")]
    public bool OwnPairs { get; init; } = true;

    /// <summary>Held-out prompts that curves are measured on, one sample each.</summary>
    [Description("Held-out prompts that curves are measured on, one sample each.")]
    public int CurvePrompts { get; init; } = 256;

    /// <summary>Points of a curve, its start and end included.</summary>
    [Description("Points of a curve, its start and end included.")]
    public int CurvePoints { get; init; } = 11;

    /// <summary>Held-out prompts that accuracy is judged on, at most.</summary>
    [Description("Held-out prompts that accuracy is judged on, at most.")]
    public int Problems { get; init; } = 2000;

    /// <summary>Run the two controls, more SFT and shuffled rewards (sums).</summary>
    [Description("Run the two controls, more SFT and shuffled rewards (sums).")]
    public bool Controls { get; init; } = true;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.Folder("compare.data", Data);
        OptionCheck.AtLeast("compare.demonstrations", Demonstrations, 1);
        OptionCheck.AtLeast("compare.pair_prompts", PairPrompts, 1);
        OptionCheck.AtLeast("compare.pair_samples", PairSamples, 2);
        OptionCheck.AtLeast("compare.pairs_per_prompt", PairsPerPrompt, 1);
        OptionCheck.AtLeast("compare.curve_prompts", CurvePrompts, 1);
        OptionCheck.AtLeast("compare.curve_points", CurvePoints, 2);
        OptionCheck.AtLeast("compare.problems", Problems, 1);
    }
}
