using System.Buffers;
using System.Text.Json;

namespace Gimbal.Training;

/// <summary>
/// Appends one line of JSON a step, <c>{"step": n, name: value, ...}</c>, and flushes it, so that a killed run keeps every step
/// it took. Values that are not finite are written as the strings NaN, Infinity and -Infinity. Allocates nothing per step.
/// </summary>
public sealed class MetricsWriter : IDisposable
{
    private static readonly JsonEncodedText StepName = JsonEncodedText.Encode("step");

    private readonly FileStream stream;
    private readonly ArrayBufferWriter<byte> buffer = new(4096);
    private readonly Utf8JsonWriter writer;
    private readonly Dictionary<string, JsonEncodedText> names = [];

    /// <summary>Opens a file to append to, or makes it.</summary>
    public MetricsWriter(string path)
    {
        stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        writer = new Utf8JsonWriter(buffer);
    }

    /// <summary>Appends the line of a step.</summary>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="row">The metrics that are set.</param>
    public void Write(long step, MetricRow row)
    {
        buffer.ResetWrittenCount();
        writer.Reset();
        writer.WriteStartObject();
        writer.WriteNumber(StepName, step);
        for (int i = 0; i < row.Count; i++)
        {
            if (row.TryGetAt(i, out double value))
                WriteValue(Encoded(row.NameAt(i)), value);
        }

        writer.WriteEndObject();
        writer.Flush();
        buffer.Write("\n"u8);
        stream.Write(buffer.WrittenSpan);
        stream.Flush();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        writer.Dispose();
        stream.Dispose();
    }

    private void WriteValue(JsonEncodedText name, double value)
    {
        if (double.IsFinite(value))
            writer.WriteNumber(name, value);
        else
            writer.WriteString(name, double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }

    private JsonEncodedText Encoded(string name)
    {
        if (!names.TryGetValue(name, out JsonEncodedText encoded))
            names[name] = encoded = JsonEncodedText.Encode(name);
        return encoded;
    }
}
