using System.Text.Json;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>One training run of the reference data: its batch, its hyper-parameters, and what another project's code gave for it.</summary>
internal sealed class EndToEndCase
{
    private readonly JsonElement root;
    private readonly string name;
    private readonly double relative, absolute;

    public EndToEndCase(string name)
    {
        this.name = name;
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(FilePath(name + ".json")));
        root = document.RootElement.Clone();
        if (root.TryGetProperty("tolerance", out JsonElement tolerance))
        {
            JsonElement single = tolerance.GetProperty("float32");
            (relative, absolute) = (single.GetProperty("rtol").GetDouble(), single.GetProperty("atol").GetDouble());
        }
    }

    public JsonElement Root => root;

    public JsonElement Expected => root.GetProperty("expected").GetProperty("float64");

    public static string FilePath(string file) => SharedFolder.Require(Path.Combine("golden", "e2e", file));

    public float Hyper(string key) => root.GetProperty("hyper").GetProperty(key).GetSingle();

    /// <summary>The rows of an integer tensor.</summary>
    public static int[][] Rows(JsonElement tensor)
    {
        int width = tensor.GetProperty("shape")[1].GetInt32();
        return [.. tensor.GetProperty("data").EnumerateArray().Select(value => value.GetInt32()).Chunk(width)];
    }

    public static double[] Numbers(JsonElement tensor) =>
        [.. tensor.GetProperty("data").EnumerateArray().Select(value => value.GetDouble())];

    /// <summary>Within the float32 tolerance that the case states.</summary>
    public void AssertClose(double expected, double actual, string what) =>
        Assert.True(Math.Abs(actual - expected) <= absolute + relative * Math.Abs(expected), $"{name}: {what}: wanted {expected:R}, got {actual:R}");

    /// <summary>A number of the expected curve of that name.</summary>
    public void AssertStep(string key, int step, double actual) =>
        AssertClose(Expected.GetProperty(key)[step].GetDouble(), actual, $"{key} of step {step}");

    /// <summary>Checksums of every weight: the norm within 1e-4 of itself, single values within 1e-4, as the case's notes ask.</summary>
    public void AssertWeights(string key, TransformerModel model, Func<string, string>? nameInFile = null)
    {
        JsonElement weights = Expected.GetProperty(key);
        foreach (WeightPart part in model.Weights.Parts)
        {
            float[] values = part.Parameter.Value.RowRange(part.Start, part.Rows).ToArray<float>();
            AssertChecksums(weights.GetProperty(nameInFile?.Invoke(part.Name) ?? part.Name), values, 1e-4, part.Name);
        }
    }

    public void AssertChecksums(JsonElement expected, float[] values, double normTolerance, string what)
    {
        double norm = Math.Sqrt(values.Sum(value => (double)value * value)), wanted = expected.GetProperty("l2").GetDouble();
        Assert.True(Math.Abs(norm - wanted) <= normTolerance * wanted, $"{name}: norm of {what}: wanted {wanted:R}, got {norm:R}");
        for (int i = 0; i < 3; i++)
        {
            Near(expected.GetProperty("first")[i].GetDouble(), values[i], i);
            Near(expected.GetProperty("last")[i].GetDouble(), values[values.Length - 3 + i], values.Length - 3 + i);
        }

        void Near(double wantedValue, float value, int index) => Assert.True(Math.Abs(value - wantedValue) <= 1e-4,
            $"{name}: {what}[{index}]: wanted {wantedValue:R}, got {value:R}");
    }

    /// <summary>The Llama model of the cases, with its initial weights.</summary>
    public static LanguageModel Llama(Device device, params int[] endIds) => Load(new LanguageModel(new ModelConfig
    {
        Family = ModelFamily.Llama,
        VocabularySize = 97,
        HiddenSize = 64,
        IntermediateSize = 128,
        Layers = 2,
        QueryHeads = 4,
        KeyValueHeads = 2,
        HeadDim = 16,
        MaxPositions = 64,
        EosTokenIds = endIds,
    }, Characters(97), device), "llama_init.safetensors", static part => part);

    /// <summary>The body of <see cref="Llama"/> with a scalar head from a file.</summary>
    public static ScoreModel Scorer(Device device, string headFile)
    {
        using LanguageModel body = Llama(device);
        ScoreModel model = ScoreModel.From(body);
        using SafetensorsReader reader = SafetensorsReader.Open(FilePath(headFile));
        float[] head = new float[model.Head.Shape.Count];
        reader.Read("score.weight", head);
        model.Head.Value.CopyFrom<float>(head);
        model.Store.Touch();
        return model;
    }

    /// <summary>Fills all weights of a model from a file with names of its own.</summary>
    public static LanguageModel Load(LanguageModel model, string file, Func<string, string> nameInFile)
    {
        using SafetensorsReader reader = SafetensorsReader.Open(FilePath(file));
        foreach (WeightPart part in model.Weights.Parts)
        {
            float[] values = new float[part.Rows * part.Width];
            reader.Read(nameInFile(part.Name), values);
            part.Parameter.Value.RowRange(part.Start, part.Rows).CopyFrom<float>(values);
        }

        model.Store.Touch();
        return model;
    }

    /// <summary>A tokenizer of so many characters and nothing else: the cases are token ids.</summary>
    public static CharacterTokenizer Characters(int count) =>
        new(string.Concat(Enumerable.Range(0, count).Select(i => (char)('\u4e00' + i))), pad: null, bos: null, eos: null);
}
