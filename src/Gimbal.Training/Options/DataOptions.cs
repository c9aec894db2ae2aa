using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Which data a run reads.</summary>
[OptionGroup("train")]
public sealed record DataOptions : IOptions
{
    /// <summary>JSONL file: prompt; prompt and completion; prompt, chosen and rejected; or messages. Further columns go to the reward.</summary>
    [Description("JSONL file: prompt; prompt and completion; prompt, chosen and rejected; or messages. Further columns go to the reward.")]
    public string? Data { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.File("train.data", Data);
    }
}
