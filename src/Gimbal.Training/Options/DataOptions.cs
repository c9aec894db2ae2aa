using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Which data a run reads.</summary>
[OptionGroup("train")]
public sealed record DataOptions : IOptions
{
    /// <summary>Names that <see cref="Task"/> may have.</summary>
    public static IReadOnlyList<string> TaskNames { get; } = ["sums", "stories"];

    /// <summary>Built-in task in place of data and reward: sums (addition) or stories (openings and a sentiment lexicon).</summary>
    [OptionGroup("")]
    [Description("Built-in task in place of data and reward: sums (addition) or stories (openings and a sentiment lexicon).")]
    public string? Task { get; init; }

    /// <summary>JSONL file: prompt; prompt and completion; prompt, chosen and rejected; or messages. Further columns go to the reward.</summary>
    [Description("JSONL file: prompt; prompt and completion; prompt, chosen and rejected; or messages. Further columns go to the reward.")]
    public string? Data { get; init; }

    /// <summary>Rows to use at most; 0: all.</summary>
    [Description("Rows to use at most; 0: all.")]
    public int Rows { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.AtLeast("train.rows", Rows, 0);
        if (Task is not null)
            OptionCheck.OneOf("task", Task, TaskNames);
        else
            OptionCheck.File("train.data", Data);
    }
}
