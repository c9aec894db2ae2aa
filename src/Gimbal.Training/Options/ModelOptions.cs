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

    /// <summary>Element type of matrices, activations and key-value cache: float32 or bf16; optimizer, logits and losses are float32.</summary>
    [OptionGroup("")]
    [Description("Element type of matrices, activations and key-value cache: float32 or bf16; optimizer, logits and losses are float32.")]
    public ModelDtype Dtype { get; init; } = ModelDtype.Float32;

    /// <summary>Width of the model that the sums task makes where no folder is named; its other sizes follow.</summary>
    [Description("Width of the model that the sums task makes where no folder is named; its other sizes follow.")]
    public int Width { get; init; } = 128;

    /// <summary>Blocks of that model.</summary>
    [Description("Blocks of that model.")]
    public int Layers { get; init; } = 3;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.Folder("model.path", Path);
        OptionCheck.Folder("model.reference", Reference);
        if (Width < 8 || Width % 8 != 0)
            throw new InvalidConfigException("model.width", $"must be a multiple of 8 (four heads of even width), is {Width}.");
        OptionCheck.AtLeast("model.layers", Layers, 1);
    }
}
