using System.Globalization;
using System.Text.Json;

namespace Gimbal.Tests;

/// <summary>One case of the reference data: inputs, parameters, and what another project's code gave for them.</summary>
internal sealed class GoldenCase
{
    private readonly JsonElement root;
    private readonly string name;

    private GoldenCase(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        root = document.RootElement.Clone();
        name = $"{root.GetProperty("op").GetString()}/{root.GetProperty("case").GetString()}";
    }

    /// <summary>The case's own name within its op.</summary>
    public string Name => root.GetProperty("case").GetString()!;

    /// <summary>Hyper-parameters.</summary>
    public JsonElement Parameters => root.GetProperty("params");

    /// <summary>All cases of an op; skips the calling test if there is no reference data.</summary>
    public static IReadOnlyList<GoldenCase> Of(string op)
    {
        string[] files = Directory.GetFiles(SharedFolder.Require(Path.Combine("golden", op)), "*.json");
        Assert.NotEmpty(files);
        return [.. files.Order(StringComparer.Ordinal).Select(file => new GoldenCase(file))];
    }

    public double Parameter(string key) => Parameters.GetProperty(key).GetDouble();

    public float[] Input(string key) => [.. Numbers(root.GetProperty("inputs").GetProperty(key)).Select(v => (float)v)];

    public int[] Integers(string key) => [.. Numbers(root.GetProperty("inputs").GetProperty(key)).Select(v => (int)v)];

    public int[] ShapeOf(string key) =>
        [.. root.GetProperty("inputs").GetProperty(key).GetProperty("shape").EnumerateArray().Select(v => v.GetInt32())];

    public bool HasInput(string key) => root.GetProperty("inputs").TryGetProperty(key, out _);

    public double[] Output(string key) => Numbers(root.GetProperty("outputs").GetProperty(key));

    public void AssertOutput(string key, ReadOnlySpan<float> actual) => AssertClose(root.GetProperty("outputs"), key, actual);

    public void AssertGradient(string key, ReadOnlySpan<float> actual) => AssertClose(root.GetProperty("grads"), key, actual);

    // Within the float32 tolerance that the case states.
    private void AssertClose(JsonElement group, string key, ReadOnlySpan<float> actual)
    {
        double[] expected = Numbers(group.GetProperty(key));
        JsonElement tolerance = root.GetProperty("tolerance").GetProperty("float32");
        double relative = tolerance.GetProperty("rtol").GetDouble(), absolute = tolerance.GetProperty("atol").GetDouble();
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = double.IsNaN(expected[i]) ? float.IsNaN(actual[i])
                : double.IsInfinity(expected[i]) ? expected[i] == actual[i]
                : Math.Abs(actual[i] - expected[i]) <= absolute + relative * Math.Abs(expected[i]);
            Assert.True(same, $"{name}: {key}[{i}]: wanted {expected[i]:R}, got {actual[i]:R}");
        }
    }

    // Non-finite numbers are strings.
    private static double[] Numbers(JsonElement tensor) =>
    [
        .. tensor.GetProperty("data").EnumerateArray().Select(v => v.ValueKind == JsonValueKind.String
            ? double.Parse(v.GetString()!, CultureInfo.InvariantCulture)
            : v.GetDouble()),
    ];
}
