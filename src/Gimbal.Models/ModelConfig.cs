namespace Gimbal.Models;

/// <summary>Transformer families that Gimbal builds.</summary>
public enum ModelFamily
{
    /// <summary>RMSNorm, rotary positions, grouped-query attention, gated feed-forward (<c>llama, mistral, qwen2</c>).</summary>
    Llama,

    /// <summary>LayerNorm, learned positions, multi-head attention, GELU feed-forward, biases everywhere (<c>gpt2</c>).</summary>
    Gpt2,
}

/// <summary>Nonlinearity of the feed-forward layer.</summary>
public enum Activation
{
    /// <summary>x sigmoid(x), the gate of SwiGLU: Hugging Face <c>silu</c> or <c>swish</c>.</summary>
    Silu,

    /// <summary>x Phi(x) by erf: Hugging Face <c>gelu</c>.</summary>
    Gelu,

    /// <summary>The tanh form of GELU: Hugging Face <c>gelu_new</c> or <c>gelu_pytorch_tanh</c>.</summary>
    GeluTanh,
}

/// <summary>Ways to stretch rotary positions beyond the length that a model was trained on.</summary>
public enum RopeScalingKind
{
    /// <summary>Every position is divided by <see cref="RopeScaling.Factor"/> (Chen et al. 2023).</summary>
    Linear,

    /// <summary>Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between interpolated.</summary>
    Llama3,
}

/// <summary>Parameters of a stretched rotary embedding.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Factor">How many times longer, at least 1.</param>
/// <param name="LowFrequencyFactor">Llama3 only: wavelengths above original / this are divided by the factor.</param>
/// <param name="HighFrequencyFactor">Llama3 only: wavelengths below original / this are kept.</param>
/// <param name="OriginalMaxPositions">Llama3 only: length that the model was trained on.</param>
public sealed record RopeScaling(RopeScalingKind Kind, float Factor, float LowFrequencyFactor = 1, float HighFrequencyFactor = 4,
    int OriginalMaxPositions = 8192);

/// <summary>
/// Shape of a decoder-only transformer, as a Hugging Face <c>config.json</c> states it
/// (<c>model_type</c> <c>llama, mistral, qwen2</c> or <c>gpt2</c>).
/// </summary>
/// <remarks>
/// A sliding attention window is not built. Up to the window's length it changes nothing, so that a model with one is
/// read with <see cref="MaxPositions"/> cut to it.
/// </remarks>
public sealed record ModelConfig
{
    /// <summary>Name of the file in a model folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Which transformer it is.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>Number of token ids, rows of the embedding and of the head: V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream: D.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of blocks: L.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads of the queries.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Attention heads of keys and values; divides <see cref="QueryHeads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of one head; even for rotary positions. Not always D / <see cref="QueryHeads"/>.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Longest sequence.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Base of the rotary frequencies theta^(-2i / HeadDim). Without meaning for <see cref="ModelFamily.Gpt2"/>.</summary>
    public float RopeTheta { get; init; } = 10000;

    /// <summary>Stretched rotary positions, if any.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>
    /// Rotary pairs are (0, 1), (2, 3), ... rather than Hugging Face's halves (0, h/2), (1, h/2 + 1), ...
    /// A key of Gimbal's own, <c>rope_interleaved</c>; absent means false.
    /// </summary>
    public bool RopeInterleaved { get; init; }

    /// <summary>Added to the variance under the root of a norm.</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>The head is the embedding table itself.</summary>
    public bool TieEmbeddings { get; init; }

    /// <summary>The projections to queries, keys and values have a bias.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>The projection out of the attention has a bias: with <see cref="AttentionBias"/> in Llama and GPT-2, never in Qwen2.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>Nonlinearity of the feed-forward layer.</summary>
    public Activation Activation { get; init; }

    /// <summary>Id that begins a sequence, if the model has one.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Ids that end a sequence; empty if the model has none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Id of padding, if the model has one.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Reads a <c>config.json</c> and validates it.</summary>
    /// <param name="path">The file, or the model folder that holds it.</param>
    /// <exception cref="InvalidFileException">Missing, not JSON, an impossible shape, or a model that Gimbal does not build.</exception>
    public static ModelConfig Load(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        try
        {
            ModelConfig config = HuggingFaceConfig.Read(JsonFile.ReadObject(file));
            config.Validate();
            return config;
        }
        catch (Exception e) when (e is InvalidConfigException or InvalidOperationException)
        {
            // The JSON reader throws the latter for a text that is not Unicode.
            throw new InvalidFileException(file, e.Message, innerException: e);
        }
    }

    /// <summary>Validates and writes a <c>config.json</c> that Hugging Face's loaders read as well; atomically.</summary>
    /// <param name="path">The file, or an existing folder to put it in.</param>
    /// <exception cref="InvalidConfigException">The shape is impossible.</exception>
    public void Save(string path)
    {
        Validate();
        string file = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        AtomicFile.Write(file, HuggingFaceConfig.Write(this));
    }

    /// <summary>Checks that a model of this shape can be built.</summary>
    /// <exception cref="InvalidConfigException">It cannot; names the key of <c>config.json</c>.</exception>
    public void Validate()
    {
        bool gpt2 = Family == ModelFamily.Gpt2;
        RequirePositive("vocab_size", VocabularySize);
        RequirePositive(gpt2 ? "n_embd" : "hidden_size", HiddenSize);
        RequirePositive(gpt2 ? "n_inner" : "intermediate_size", IntermediateSize);
        RequirePositive(gpt2 ? "n_layer" : "num_hidden_layers", Layers);
        RequirePositive(gpt2 ? "n_head" : "num_attention_heads", QueryHeads);
        RequirePositive("num_key_value_heads", KeyValueHeads);
        RequirePositive("head_dim", HeadDim);
        RequirePositive(gpt2 ? "n_positions" : "max_position_embeddings", MaxPositions);
        Require(QueryHeads % KeyValueHeads == 0, "num_key_value_heads",
            $"{KeyValueHeads} does not divide the {QueryHeads} query heads.");
        Require(float.IsFinite(NormEpsilon) && NormEpsilon > 0, gpt2 ? "layer_norm_epsilon" : "rms_norm_eps",
            $"is {NormEpsilon}, expected a positive number.");
        RequireId("bos_token_id", BosTokenId);
        RequireId("pad_token_id", PadTokenId);
        foreach (int id in EosTokenIds)
        {
            RequireId("eos_token_id", id);
        }

        if (gpt2)
        {
            ValidateGpt2();
        }
        else
        {
            ValidateLlama();
        }
    }

    private void ValidateGpt2()
    {
        Require((long)HeadDim * QueryHeads == HiddenSize, "n_head",
            $"{QueryHeads} heads of {HeadDim} make {(long)HeadDim * QueryHeads}, expected n_embd {HiddenSize}.");
        Require(KeyValueHeads == QueryHeads, "num_key_value_heads", "a GPT-2 has as many key-value heads as query heads.");
        Require(Activation != Activation.Silu, "activation_function", "a GPT-2 takes gelu or gelu_new.");
        Require(RopeScaling is null, "rope_scaling", "a GPT-2 has learned positions.");
    }

    private void ValidateLlama()
    {
        Require(HeadDim % 2 == 0, "head_dim", $"{HeadDim} is odd, but rotary positions turn pairs.");
        Require(float.IsFinite(RopeTheta) && RopeTheta > 0, "rope_theta", $"is {RopeTheta}, expected a positive number.");
        Require(Activation == Activation.Silu, "hidden_act", "the gated feed-forward layer takes silu.");
        Require(AttentionBias || !AttentionOutputBias, "attention_bias",
            "a bias on the output projection comes only with biases on queries, keys and values.");
        if (RopeScaling is { } scaling)
        {
            Require(float.IsFinite(scaling.Factor) && scaling.Factor >= 1, "rope_scaling.factor",
                $"is {scaling.Factor}, expected 1 or more.");
            Require(scaling.Kind != RopeScalingKind.Llama3 || (scaling.LowFrequencyFactor > 0 &&
                scaling.HighFrequencyFactor > scaling.LowFrequencyFactor && float.IsFinite(scaling.HighFrequencyFactor)),
                "rope_scaling", $"low_freq_factor {scaling.LowFrequencyFactor} and high_freq_factor {scaling.HighFrequencyFactor}, " +
                "expected 0 < low < high.");
            Require(scaling.Kind != RopeScalingKind.Llama3 || scaling.OriginalMaxPositions > 0,
                "rope_scaling.original_max_position_embeddings", $"is {scaling.OriginalMaxPositions}, expected 1 or more.");
        }
    }

    private void RequireId(string key, int? id) => Require(id is null || (id >= 0 && id < VocabularySize), key,
        $"{id} is outside of the vocabulary of {VocabularySize}.");

    private static void RequirePositive(string key, int size) => Require(size > 0, key, $"is {size}, expected 1 or more.");

    private static void Require(bool holds, string key, string message)
    {
        if (!holds)
        {
            throw new InvalidConfigException(key, message);
        }
    }
}
