using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Cli.Bench;

/// <summary>A whole piece of work to time: which model, how many sequences, how many tokens.</summary>
internal sealed record WorkloadPlan
{
    /// <summary>Name of the model's shape: <see cref="Shapes"/>.</summary>
    public string Model { get; init; } = "small";

    /// <summary>Element type of the models.</summary>
    public ModelDtype Dtype { get; init; }

    /// <summary>Sequences (train), pairs (dpo), completions in all (grpo, ppo).</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Tokens of a sequence (train, dpo).</summary>
    public int Length { get; init; } = 256;

    /// <summary>Tokens of a prompt (gen, grpo, ppo).</summary>
    public int Prompt { get; init; } = 32;

    /// <summary>Tokens generated after it (gen, grpo, ppo).</summary>
    public int New { get; init; } = 128;

    /// <summary>Completions of a prompt (grpo).</summary>
    public int Group { get; init; } = 8;

    /// <summary>Batch sizes of generation, one after the other.</summary>
    public IReadOnlyList<int> GenerationBatches { get; init; } = [1, 8, 32];

    /// <summary>Sequences forwarded at a time; 0: all of a step.</summary>
    public int MicroBatch { get; init; }

    /// <summary>Timed runs.</summary>
    public int Repeats { get; init; } = 5;

    /// <summary>Runs before them.</summary>
    public int Warmup { get; init; } = 2;

    /// <summary>Models of random weights: decoders of a size that one machine trains.</summary>
    public static IReadOnlyDictionary<string, ModelConfig> Shapes { get; } = new Dictionary<string, ModelConfig>
    {
        ["test"] = Llama(width: 32, layers: 2, heads: 2, inner: 64, vocabulary: 512),
        ["tiny"] = Llama(width: 128, layers: 4, heads: 4, inner: 384, vocabulary: 4096),
        ["small"] = Llama(width: 288, layers: 6, heads: 6, inner: 768, vocabulary: 32000),
        ["gpt2-llama"] = Llama(width: 768, layers: 12, heads: 12, inner: 2048, vocabulary: 50257),
        ["gpt2"] = new ModelConfig
        {
            Family = ModelFamily.Gpt2,
            VocabularySize = 50257,
            HiddenSize = 768,
            IntermediateSize = 3072,
            Layers = 12,
            QueryHeads = 12,
            KeyValueHeads = 12,
            HeadDim = 64,
            MaxPositions = 1024,
            TieEmbeddings = true,
            AttentionBias = true,
            AttentionOutputBias = true,
            Activation = Activation.GeluTanh,
        },
    };

    private static ModelConfig Llama(int width, int layers, int heads, int inner, int vocabulary) => new()
    {
        Family = ModelFamily.Llama,
        VocabularySize = vocabulary,
        HiddenSize = width,
        IntermediateSize = inner,
        Layers = layers,
        QueryHeads = heads,
        KeyValueHeads = heads,
        HeadDim = width / heads,
        MaxPositions = 1024,
        TieEmbeddings = true,
    };
}
