using Gimbal.Models;

namespace Gimbal.Tests.Models;

public sealed class ModelConfigTests : IDisposable
{
    private const string SmallLlama =
        """
        {"model_type":"llama","vocab_size":97,"hidden_size":48,"intermediate_size":128,"num_hidden_layers":2,
         "num_attention_heads":6,"num_key_value_heads":2}
        """;

    private const string SmallGpt2 = """{"model_type":"gpt2","vocab_size":301,"n_embd":48,"n_layer":3,"n_head":4}""";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void ReadsARealModel()
    {
        ModelConfig config = ModelConfig.Load(SharedFolder.Require("data/models/stories260K"));
        Assert.Equal(ModelFamily.Llama, config.Family);
        Assert.Equal((512, 64, 172, 5), (config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.Layers));
        Assert.Equal((8, 4, 8, 512), (config.QueryHeads, config.KeyValueHeads, config.HeadDim, config.MaxPositions));
        Assert.Equal((10000f, 1e-5f), (config.RopeTheta, config.NormEpsilon));
        Assert.True(config.TieEmbeddings);
        Assert.False(config.AttentionBias || config.AttentionOutputBias || config.RopeInterleaved);
        Assert.Equal((1, null), (config.BosTokenId, config.PadTokenId));
        Assert.Equal([2], config.EosTokenIds);
        AssertRoundTrip(config);
    }

    [Fact]
    public void LlamaDefaultsAreThoseOfHuggingFace()
    {
        ModelConfig config = Read(SmallLlama.Replace(",\"num_key_value_heads\":2", "").Replace("\"num_key_value_heads\":2", "\"x\":0"));
        Assert.Equal((6, 8, 2048), (config.KeyValueHeads, config.HeadDim, config.MaxPositions));
        Assert.Equal((10000f, 1e-6f), (config.RopeTheta, config.NormEpsilon));
        Assert.False(config.TieEmbeddings || config.AttentionBias);
        Assert.Equal(Activation.Silu, config.Activation);
        Assert.Equal(1, config.BosTokenId);
        Assert.Equal([2], config.EosTokenIds);
        Assert.Null(config.RopeScaling);
        AssertRoundTrip(config);
    }

    [Fact]
    public void Gpt2DefaultsAreThoseOfHuggingFace()
    {
        ModelConfig config = Read(SmallGpt2);
        Assert.Equal(ModelFamily.Gpt2, config.Family);
        Assert.Equal((192, 4, 4, 12, 1024),
            (config.IntermediateSize, config.QueryHeads, config.KeyValueHeads, config.HeadDim, config.MaxPositions));
        Assert.True(config.TieEmbeddings && config.AttentionBias && config.AttentionOutputBias);
        Assert.Equal((1e-5f, Activation.GeluTanh), (config.NormEpsilon, config.Activation));
        Assert.Null(config.BosTokenId);
        AssertRoundTrip(config);
        Assert.Equal([50256], Read(SmallGpt2.Replace("301", "50257")).EosTokenIds);
    }

    [Fact]
    public void Qwen2HasBiasesOnQueriesKeysAndValuesOnly()
    {
        ModelConfig config = Read(With(SmallLlama.Replace("\"llama\"", "\"qwen2\""), "\"eos_token_id\":[5,7],\"rope_theta\":1000000.0"));
        Assert.True(config.AttentionBias);
        Assert.False(config.AttentionOutputBias);
        Assert.Null(config.BosTokenId);
        Assert.Equal([5, 7], config.EosTokenIds);
        Assert.Equal((32768, 1e6f), (config.MaxPositions, config.RopeTheta));
        AssertRoundTrip(config);
        Assert.Equal(300, Read(With(SmallLlama.Replace("\"llama\"", "\"qwen2\""),
            "\"use_sliding_window\":true,\"sliding_window\":300")).MaxPositions);
    }

    [Fact]
    public void LlamaBiasCoversTheOutputToo()
    {
        ModelConfig config = Read(With(SmallLlama, "\"attention_bias\":true,\"rope_interleaved\":true,\"pad_token_id\":-1"));
        Assert.True(config.AttentionBias && config.AttentionOutputBias && config.RopeInterleaved);
        Assert.Null(config.PadTokenId);
        AssertRoundTrip(config);
    }

    [Fact]
    public void MistralWindowBoundsThePositions()
    {
        string mistral = SmallLlama.Replace("\"llama\"", "\"mistral\"");
        Assert.Equal(4096, Read(mistral).MaxPositions);
        Assert.Equal(131072, Read(With(mistral, "\"sliding_window\":null")).MaxPositions);
        Assert.Equal(100, Read(With(mistral, "\"sliding_window\":4096,\"max_position_embeddings\":100")).MaxPositions);
    }

    [Fact]
    public void ReadsRopeScalingInOldAndNewForm()
    {
        RopeScaling llama3 = new(RopeScalingKind.Llama3, 8, 1, 4, 8192);
        const string parameters =
            "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\"";
        ModelConfig old = Read(With(SmallLlama, $"\"rope_theta\":500000,\"rope_scaling\":{{{parameters}}}"));
        Assert.Equal((500000f, llama3), (old.RopeTheta, old.RopeScaling));
        AssertRoundTrip(old);
        ModelConfig grouped = Read(With(SmallLlama, $"\"rope_parameters\":{{\"rope_theta\":500000,{parameters}}}"));
        Assert.Equal((500000f, llama3), (grouped.RopeTheta, grouped.RopeScaling));
        ModelConfig linear = Read(With(SmallLlama, "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}"));
        Assert.Equal(new RopeScaling(RopeScalingKind.Linear, 2), linear.RopeScaling);
        AssertRoundTrip(linear);
        Assert.Null(Read(With(SmallLlama, "\"rope_parameters\":{\"rope_type\":\"default\"}")).RopeScaling);
    }

    [Theory]
    [InlineData("hidden_size", "50", "num_attention_heads")]
    [InlineData("num_attention_heads", "0", "num_attention_heads")]
    [InlineData("num_attention_heads", "4", "head_dim", "\"head_dim\":7")]
    [InlineData("num_key_value_heads", "4", "num_key_value_heads")]
    [InlineData("num_key_value_heads", "-2", "num_key_value_heads")]
    [InlineData("num_hidden_layers", "0", "num_hidden_layers")]
    [InlineData("num_hidden_layers", "2.5", "num_hidden_layers")]
    [InlineData("hidden_size", "null", "hidden_size")]
    [InlineData("hidden_size", "-48", "hidden_size")]
    [InlineData("hidden_size", "\"48\"", "hidden_size")]
    [InlineData("hidden_size", "48000000000", "hidden_size")]
    [InlineData("vocab_size", "0", "vocab_size")]
    [InlineData("intermediate_size", "-1", "intermediate_size")]
    [InlineData("model_type", "\"mamba\"", "llama, mistral, qwen2 and gpt2")]
    [InlineData("model_type", "null", "llama, mistral, qwen2 and gpt2")]
    [InlineData("vocab_size", "97", "hidden_act", "\"hidden_act\":\"relu2\"")]
    [InlineData("vocab_size", "97", "hidden_act", "\"hidden_act\":\"gelu\"")]
    [InlineData("vocab_size", "97", "rms_norm_eps", "\"rms_norm_eps\":0")]
    [InlineData("vocab_size", "97", "rope_theta", "\"rope_theta\":-1")]
    [InlineData("vocab_size", "97", "mlp_bias", "\"mlp_bias\":true")]
    [InlineData("vocab_size", "97", "max_position_embeddings", "\"max_position_embeddings\":0")]
    [InlineData("vocab_size", "97", "eos_token_id", "\"eos_token_id\":[2,97]")]
    [InlineData("vocab_size", "97", "tie_word_embeddings", "\"tie_word_embeddings\":1")]
    [InlineData("vocab_size", "97", "yarn", "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}")]
    [InlineData("vocab_size", "97", "rope_scaling.factor", "\"rope_scaling\":{\"rope_type\":\"linear\"}")]
    [InlineData("vocab_size", "97", "rope_scaling.factor", "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":0.5}")]
    public void ImpossibleLlamasAreRefused(string key, string value, string message, string? extra = null)
    {
        string text = System.Text.RegularExpressions.Regex.Replace(SmallLlama, $"\"{key}\":[^,}}]+", $"\"{key}\":{value}");
        Assert.Contains($"\"{key}\":{value}", text);
        AssertFault(extra is null ? text : With(text, extra), message);
    }

    [Theory]
    [InlineData("\"n_head\":4", "\"n_head\":5", "n_head")]
    [InlineData("\"n_embd\":48,", "", "n_embd")]
    [InlineData("\"n_layer\":3", "\"n_layer\":0", "n_layer")]
    [InlineData("\"n_layer\":3", "\"n_layer\":3,\"n_positions\":-5", "n_positions")]
    [InlineData("\"n_layer\":3", "\"n_layer\":3,\"activation_function\":\"silu\"", "activation_function")]
    [InlineData("\"n_layer\":3", "\"n_layer\":3,\"scale_attn_weights\":false", "scale_attn_weights")]
    public void ImpossibleGpt2sAreRefused(string from, string to, string message) =>
        AssertFault(SmallGpt2.Replace(from, to), message);

    [Fact]
    public void UnreadableFilesAreRefused()
    {
        AssertFault("{\n\"model_type\": \"llama\",\n", "not valid JSON");
        AssertFault("[]", "expected an object");
        InvalidFileException absent = Assert.Throws<InvalidFileException>(() => ModelConfig.Load(folder.File("absent.json")));
        Assert.Contains("absent.json", absent.Message);
    }

    [Fact]
    public void AConfigMadeInCodeIsValidatedOnSave()
    {
        ModelConfig config = Read(SmallLlama) with { HeadDim = 9 };
        Assert.Equal("head_dim", Assert.Throws<InvalidConfigException>(() => config.Save(folder.Path)).Key);
    }

    private static string With(string json, string members) => json.TrimEnd()[..^1] + "," + members + "}";

    private ModelConfig Read(string json) => ModelConfig.Load(folder.Write("config.json", json));

    private void AssertFault(string json, string message)
    {
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => Read(json));
        Assert.Equal(folder.File("config.json"), fault.Path);
        Assert.Contains(message, fault.Message);
    }

    private void AssertRoundTrip(ModelConfig config)
    {
        config.Save(folder.Path);
        ModelConfig again = ModelConfig.Load(folder.Path);
        Assert.Equal(config.EosTokenIds, again.EosTokenIds);
        Assert.Equal(config, again with { EosTokenIds = config.EosTokenIds });
    }
}
