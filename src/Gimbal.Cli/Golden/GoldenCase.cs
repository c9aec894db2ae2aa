using System.Text.Json;

namespace Gimbal.Cli.Golden;

/// <summary>
/// One golden case: inputs and hyper-parameters of an operation, with the outputs and gradients that another system computed
/// for them in double precision.
/// </summary>
internal sealed class GoldenCase
{
    private readonly JsonElement parameters;

    private GoldenCase(string path, JsonElement json)
    {
        Path = path;
        Operation = json.GetProperty("op").GetString()!;
        Name = json.GetProperty("case").GetString()!;
        parameters = json.GetProperty("params");
        Inputs = Tensors(json, "inputs");
        Outputs = Tensors(json, "outputs");
        Gradients = Tensors(json, "grads");
        JsonElement tolerance = json.GetProperty("tolerance");
        JsonElement single = tolerance.GetProperty("float32");
        Relative = single.GetProperty("rtol").GetDouble();
        Absolute = single.GetProperty("atol").GetDouble();
        Overflows = tolerance.TryGetProperty("f32_overflow", out JsonElement overflow) && overflow.GetBoolean();
        SingleOutputs = Tensors(json, "outputs_f32");
        SingleGradients = Tensors(json, "grads_f32");
    }

    public string Path { get; }

    /// <summary>Name of the folder: the operation.</summary>
    public string Operation { get; }

    public string Name { get; }

    public IReadOnlyDictionary<string, GoldenTensor> Inputs { get; }

    /// <summary>References in double; those named <c>metric.*</c> are what the other system logs.</summary>
    public IReadOnlyDictionary<string, GoldenTensor> Outputs { get; }

    /// <summary>References in double, by input.</summary>
    public IReadOnlyDictionary<string, GoldenTensor> Gradients { get; }

    /// <summary>Relative tolerance in float32.</summary>
    public double Relative { get; }

    /// <summary>Absolute tolerance in float32.</summary>
    public double Absolute { get; }

    /// <summary>
    /// The reference is finite in double but not in float32: compared with <see cref="SingleOutputs"/> and
    /// <see cref="SingleGradients"/>; where the latter is NaN and the double gradient 0, 0 is right as well.
    /// </summary>
    public bool Overflows { get; }

    public IReadOnlyDictionary<string, GoldenTensor> SingleOutputs { get; }

    public IReadOnlyDictionary<string, GoldenTensor> SingleGradients { get; }

    /// <summary>Reads a file; null if it is JSON of another kind (an index, an end-to-end run).</summary>
    /// <exception cref="InvalidFileException">The file is no JSON, or a case with a part missing.</exception>
    public static GoldenCase? Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            using JsonDocument document = JsonDocument.Parse(file);
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("op", out _) && root.TryGetProperty("case", out _)
                ? new GoldenCase(path, root.Clone())
                : null;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new InvalidFileException(path, $"not a golden case: {error.Message}", innerException: error);
        }
    }

    /// <summary>True if the hyper-parameter is there and not null.</summary>
    public bool Has(string name) =>
        parameters.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    public float Number(string name, float otherwise = float.NaN) =>
        Has(name) ? (float)GoldenTensor.Number(parameters.GetProperty(name)) : otherwise;

    public double Double(string name) => GoldenTensor.Number(parameters.GetProperty(name));

    public int Integer(string name, int otherwise = 0) => Has(name) ? parameters.GetProperty(name).GetInt32() : otherwise;

    public bool Flag(string name) => Has(name) && parameters.GetProperty(name).GetBoolean();

    public string Text(string name, string otherwise = "") => Has(name) ? parameters.GetProperty(name).ToString() : otherwise;

    /// <summary>A hyper-parameter that is a list.</summary>
    public IReadOnlyList<JsonElement> List(string name) => Has(name) ? [.. parameters.GetProperty(name).EnumerateArray()] : [];

    private static Dictionary<string, GoldenTensor> Tensors(JsonElement json, string name)
    {
        Dictionary<string, GoldenTensor> tensors = [];
        if (json.TryGetProperty(name, out JsonElement group) && group.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in group.EnumerateObject())
                tensors[property.Name] = GoldenTensor.Read(property.Value);
        }

        return tensors;
    }
}
