using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Which model a run starts from.</summary>
[OptionGroup("model")]
public sealed record ModelOptions : IOptions
{
    /// <summary>Folder of the model: config.json, model.safetensors, tokenizer.json.</summary>
    [Description("Folder of the model: config.json, model.safetensors, tokenizer.json.")]
    public string? Path { get; init; }

    /// <summary>Folder of the frozen reference; without one the starting weights are the reference.</summary>
    [Description("Folder of the frozen reference; without one the starting weights are the reference.")]
    public string? Reference { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.Folder("model.path", Path);
        OptionCheck.Folder("model.reference", Reference);
    }
}
