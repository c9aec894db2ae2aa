using System.Text.Json;

namespace Gimbal.Models;

/// <summary>
/// Translates between <see cref="ModelConfig"/> and the keys of <c>config.json</c>. The sizes that make a model must be
/// stated; everything else falls back to the default that Hugging Face gives it for that <c>model_type</c>.
/// </summary>
internal static class HuggingFaceConfig
{
    public static ModelConfig Read(JsonElement root)
    {
        Keys keys = new(root);
        string type = keys.String("model_type") ?? throw new InvalidConfigException("model_type",
            "is missing; supported are llama, mistral, qwen2 and gpt2.");
        return type switch
        {
            "gpt2" => ReadGpt2(keys),
            "llama" or "mistral" or "qwen2" => ReadLlama(keys, type),
            _ => throw new InvalidConfigException("model_type", $"'{type}' is not supported; supported are llama, mistral, qwen2 and gpt2."),
        };
    }

    private static ModelConfig ReadLlama(Keys keys, string type)
    {
        int hidden = keys.Size("hidden_size"), heads = keys.Size("num_attention_heads");
        int? headDim = keys.Integer("head_dim");
        if (headDim is null && (heads <= 0 || hidden % heads != 0))
        {
            throw new InvalidConfigException("num_attention_heads", $"{heads} does not divide hidden_size {hidden}, and head_dim is not given.");
        }

        if (keys.Flag("mlp_bias", false))
        {
            throw new InvalidConfigException("mlp_bias", "a bias in the feed-forward layer is not supported.");
        }

        bool attentionBias = type == "qwen2" || (type == "llama" && keys.Flag("attention_bias", false));
        (float theta, RopeScaling? scaling) = ReadRope(keys);
        return new ModelConfig
        {
            Family = ModelFamily.Llama,
            VocabularySize = keys.Size("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = keys.Size("intermediate_size"),
            Layers = keys.Size("num_hidden_layers"),
            QueryHeads = heads,
            KeyValueHeads = keys.Integer("num_key_value_heads") ??
                (type == "mistral" && !keys.Has("num_key_value_heads") ? 8 : heads),
            HeadDim = headDim ?? hidden / heads,
            MaxPositions = ReadMaxPositions(keys, type),
            RopeTheta = theta,
            RopeScaling = scaling,
            RopeInterleaved = keys.Flag("rope_interleaved", false),
            NormEpsilon = keys.Number("rms_norm_eps") ?? 1e-6f,
            TieEmbeddings = keys.Flag("tie_word_embeddings", false),
            AttentionBias = attentionBias,
            AttentionOutputBias = attentionBias && type == "llama",
            Activation = ReadActivation(keys, "hidden_act", Activation.Silu),
            BosTokenId = ReadBos(keys, type == "qwen2" ? null : 1),
            EosTokenIds = ReadEos(keys, type == "qwen2" ? null : 2),
            PadTokenId = ReadPad(keys),
        };
    }

    private static ModelConfig ReadGpt2(Keys keys)
    {
        int hidden = keys.Size("n_embd"), heads = keys.Size("n_head");
        if (heads <= 0 || hidden % heads != 0)
        {
            throw new InvalidConfigException("n_head", $"{heads} does not divide n_embd {hidden}.");
        }

        if (!keys.Flag("scale_attn_weights", true) || keys.Flag("scale_attn_by_inverse_layer_idx", false))
        {
            throw new InvalidConfigException("scale_attn_weights", "only attention scaled by 1 / sqrt(head_dim) is supported.");
        }

        return new ModelConfig
        {
            Family = ModelFamily.Gpt2,
            VocabularySize = keys.Size("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = keys.Integer("n_inner") ?? (int)Math.Min(4L * hidden, int.MaxValue),
            Layers = keys.Size("n_layer"),
            QueryHeads = heads,
            KeyValueHeads = heads,
            HeadDim = hidden / heads,
            MaxPositions = keys.Integer("n_positions") ?? 1024,
            NormEpsilon = keys.Number("layer_norm_epsilon") ?? 1e-5f,
            TieEmbeddings = keys.Flag("tie_word_embeddings", true),
            AttentionBias = true,
            AttentionOutputBias = true,
            Activation = ReadActivation(keys, "activation_function", Activation.GeluTanh),
            BosTokenId = ReadBos(keys, 50256),
            EosTokenIds = ReadEos(keys, 50256),
            PadTokenId = ReadPad(keys),
        };
    }

    private static int ReadMaxPositions(Keys keys, string type)
    {
        int max = keys.Integer("max_position_embeddings") ?? type switch { "mistral" => 131072, "qwen2" => 32768, _ => 2048 };
        int? window = type switch
        {
            "mistral" => keys.Has("sliding_window") ? keys.Integer("sliding_window") : 4096,
            "qwen2" when keys.Flag("use_sliding_window", false) => keys.Integer("sliding_window") ?? 4096,
            _ => null,
        };
        return window is > 0 ? Math.Min(max, window.Value) : max;
    }

    // "rope_parameters" is how transformers 5 groups what stood in "rope_theta" and "rope_scaling" before.
    private static (float Theta, RopeScaling? Scaling) ReadRope(Keys keys)
    {
        Keys? group = keys.Group("rope_parameters");
        float theta = group?.Number("rope_theta") ?? keys.Number("rope_theta") ?? 10000;
        if ((group ?? keys.Group("rope_scaling")) is not { } scaling)
        {
            return (theta, null);
        }

        string type = scaling.String("rope_type") ?? scaling.String("type") ?? "default";
        return (theta, type switch
        {
            "default" => null,
            "linear" => new RopeScaling(RopeScalingKind.Linear, Factor()),
            "llama3" => new RopeScaling(RopeScalingKind.Llama3, Factor(),
                scaling.Number("low_freq_factor") ?? throw scaling.Missing("low_freq_factor"),
                scaling.Number("high_freq_factor") ?? throw scaling.Missing("high_freq_factor"),
                scaling.Size("original_max_position_embeddings")),
            _ => throw new InvalidConfigException("rope_scaling",
                $"type '{type}' is not supported; supported are default, linear and llama3. Without it the model works at its original length."),
        });

        float Factor() => scaling.Number("factor") ?? throw scaling.Missing("factor");
    }

    private static Activation ReadActivation(Keys keys, string key, Activation fallback) => keys.String(key) switch
    {
        null => fallback,
        "silu" or "swish" => Activation.Silu,
        "gelu" => Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => Activation.GeluTanh,
        string other => throw new InvalidConfigException(key, $"'{other}' is not supported; supported are silu, gelu and gelu_new."),
    };

    private static int? ReadBos(Keys keys, int? fallback) =>
        keys.Has("bos_token_id") ? keys.Integer("bos_token_id") : WithinVocabulary(keys, fallback);

    private static int[] ReadEos(Keys keys, int? fallback) =>
        keys.Has("eos_token_id") ? keys.Integers("eos_token_id") : WithinVocabulary(keys, fallback) is { } id ? [id] : [];

    // The defaults are ids of the published models; in a small vocabulary they name nothing.
    private static int? WithinVocabulary(Keys keys, int? id) => id < keys.Size("vocab_size") ? id : null;

    // LLaMA's first conversions wrote -1 for "none".
    private static int? ReadPad(Keys keys) => keys.Integer("pad_token_id") is >= 0 and int id ? id : null;

    /// <summary>UTF-8 of a config.json for <paramref name="config"/>.</summary>
    public static byte[] Write(ModelConfig config)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            if (config.Family == ModelFamily.Gpt2)
            {
                WriteGpt2(json, config);
            }
            else
            {
                WriteLlama(json, config);
            }

            json.WriteNumber("vocab_size", config.VocabularySize);
            json.WriteBoolean("tie_word_embeddings", config.TieEmbeddings);
            WriteId(json, "bos_token_id", config.BosTokenId);
            WriteEos(json, config.EosTokenIds);
            WriteId(json, "pad_token_id", config.PadTokenId);
            json.WriteString("torch_dtype", "float32");
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void WriteLlama(Utf8JsonWriter json, ModelConfig config)
    {
        bool qwen2 = config.AttentionBias && !config.AttentionOutputBias;
        WriteArchitecture(json, qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM", qwen2 ? "qwen2" : "llama");
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber("intermediate_size", config.IntermediateSize);
        json.WriteNumber("num_hidden_layers", config.Layers);
        json.WriteNumber("num_attention_heads", config.QueryHeads);
        json.WriteNumber("num_key_value_heads", config.KeyValueHeads);
        json.WriteNumber("head_dim", config.HeadDim);
        json.WriteNumber("max_position_embeddings", config.MaxPositions);
        json.WriteNumber("rms_norm_eps", config.NormEpsilon);
        json.WriteNumber("rope_theta", config.RopeTheta);
        WriteRopeScaling(json, config.RopeScaling);
        if (config.RopeInterleaved)
        {
            json.WriteBoolean("rope_interleaved", true);
        }

        json.WriteString("hidden_act", "silu");
        json.WriteBoolean("attention_bias", config.AttentionBias);
        json.WriteBoolean("mlp_bias", false);
    }

    private static void WriteGpt2(Utf8JsonWriter json, ModelConfig config)
    {
        WriteArchitecture(json, "GPT2LMHeadModel", "gpt2");
        json.WriteNumber("n_embd", config.HiddenSize);
        json.WriteNumber("n_inner", config.IntermediateSize);
        json.WriteNumber("n_layer", config.Layers);
        json.WriteNumber("n_head", config.QueryHeads);
        json.WriteNumber("n_positions", config.MaxPositions);
        json.WriteNumber("layer_norm_epsilon", config.NormEpsilon);
        json.WriteString("activation_function", config.Activation == Activation.Gelu ? "gelu" : "gelu_new");
    }

    private static void WriteArchitecture(Utf8JsonWriter json, string architecture, string type)
    {
        json.WriteStartArray("architectures");
        json.WriteStringValue(architecture);
        json.WriteEndArray();
        json.WriteString("model_type", type);
    }

    private static void WriteRopeScaling(Utf8JsonWriter json, RopeScaling? scaling)
    {
        if (scaling is null)
        {
            json.WriteNull("rope_scaling");
            return;
        }

        json.WriteStartObject("rope_scaling");
        json.WriteString("rope_type", scaling.Kind == RopeScalingKind.Linear ? "linear" : "llama3");
        json.WriteNumber("factor", scaling.Factor);
        if (scaling.Kind == RopeScalingKind.Llama3)
        {
            json.WriteNumber("low_freq_factor", scaling.LowFrequencyFactor);
            json.WriteNumber("high_freq_factor", scaling.HighFrequencyFactor);
            json.WriteNumber("original_max_position_embeddings", scaling.OriginalMaxPositions);
        }

        json.WriteEndObject();
    }

    private static void WriteId(Utf8JsonWriter json, string key, int? id)
    {
        if (id is { } value)
        {
            json.WriteNumber(key, value);
        }
        else
        {
            json.WriteNull(key);
        }
    }

    private static void WriteEos(Utf8JsonWriter json, IReadOnlyList<int> ids)
    {
        if (ids.Count <= 1)
        {
            WriteId(json, "eos_token_id", ids.Count == 0 ? null : ids[0]);
            return;
        }

        json.WriteStartArray("eos_token_id");
        foreach (int id in ids)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
    }

    /// <summary>Typed access to the keys of one JSON object; null and absent are the same unless <see cref="Has"/> asks.</summary>
    private sealed class Keys(JsonElement element, string prefix = "")
    {
        public bool Has(string key) => element.TryGetProperty(key, out _);

        public int Size(string key) => Integer(key) ?? throw Missing(key);

        public InvalidConfigException Missing(string key) => new(prefix + key, "is missing.");

        public int? Integer(string key) => Find(key) is not { } value ? null
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw Wrong(key, value, "an integer");

        public float? Number(string key) => Find(key) is not { } value ? null
            : value.ValueKind == JsonValueKind.Number ? value.GetSingle()
            : throw Wrong(key, value, "a number");

        public string? String(string key) => Find(key) is not { } value ? null
            : value.ValueKind == JsonValueKind.String ? value.GetString()
            : throw Wrong(key, value, "a string");

        public bool Flag(string key, bool fallback) => Find(key) is not { } value ? fallback
            : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(key, value, "true or false");

        public int[] Integers(string key) => Find(key) is not { } value ? []
            : value.ValueKind != JsonValueKind.Array ? [Size(key)]
            : [.. value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number)
                ? number
                : throw Wrong(key, item, "integers"))];

        public Keys? Group(string key) => Find(key) is not { } value ? null
            : value.ValueKind == JsonValueKind.Object ? new Keys(value, $"{prefix}{key}.")
            : throw Wrong(key, value, "an object");

        private JsonElement? Find(string key) =>
            element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

        private InvalidConfigException Wrong(string key, JsonElement value, string expected) =>
            new(prefix + key, $"is {value.GetRawText()}, expected {expected}.");
    }
}
