using System.Text.Json;

namespace Gimbal.Cli.Golden;

/// <summary>A tensor of a golden case: flat, row-major; every dtype of the format fits a double.</summary>
/// <param name="Shape">Extents, outermost first; none for a scalar.</param>
/// <param name="DType"><c>float32</c>, <c>float64</c>, <c>int64</c> or <c>bool</c>.</param>
/// <param name="Data">The elements.</param>
internal sealed record GoldenTensor(int[] Shape, string DType, double[] Data)
{
    /// <summary>Integers and booleans must match exactly.</summary>
    public bool IsExact => DType is "int64" or "bool";

    /// <summary>Last extent.</summary>
    public int Width => Shape.Length == 0 ? 1 : Shape[^1];

    /// <summary>Product of all extents but the last.</summary>
    public int Rows => Width == 0 ? 0 : Data.Length / Width;

    public float[] Floats() => Array.ConvertAll(Data, value => (float)value);

    public int[] Ints() => Array.ConvertAll(Data, value => (int)value);

    public byte[] Flags() => Array.ConvertAll(Data, value => (byte)(value != 0 ? 1 : 0));

    public static GoldenTensor Read(JsonElement json)
    {
        int[] shape = [.. json.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt32())];
        double[] data = [.. json.GetProperty("data").EnumerateArray().Select(Number)];
        int count = shape.Aggregate(1, (product, extent) => product * extent);
        return count == data.Length
            ? new GoldenTensor(shape, json.GetProperty("dtype").GetString()!, data)
            : throw new FormatException($"shape [{string.Join(", ", shape)}] wants {count} elements, the data have {data.Length}");
    }

    /// <summary>A number, or one of the strings NaN, Infinity and -Infinity.</summary>
    public static double Number(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            string other => throw new FormatException($"'{other}' is no number"),
            null => throw new FormatException("null is no number"),
        },
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        _ => json.GetDouble(),
    };
}
