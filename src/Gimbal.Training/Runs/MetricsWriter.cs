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

    private readonly FileStream _stream;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _writer;
    private readonly Dictionary<string, JsonEncodedText> _names = [];

    /// <summary>Opens a file to append to, or makes it.</summary>
    public MetricsWriter(string path)
    {
        _stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        _writer = new Utf8JsonWriter(_buffer);
    }

    /// <summary>Appends the line of a step.</summary>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="row">The metrics that are set.</param>
    public void Write(long step, MetricRow row)
    {
        _buffer.ResetWrittenCount();
        _writer.Reset();
        _writer.WriteStartObject();
        _writer.WriteNumber(StepName, step);
        for (int i = 0; i < row.Count; i++)
        {
            if (row.TryGetAt(i, out double value))
                WriteValue(Encoded(row.NameAt(i)), value);
        }

        _writer.WriteEndObject();
        _writer.Flush();
        _buffer.Write("\n"u8);
        _stream.Write(_buffer.WrittenSpan);
        _stream.Flush();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        _stream.Dispose();
    }

    private void WriteValue(JsonEncodedText name, double value)
    {
        if (double.IsFinite(value))
            _writer.WriteNumber(name, value);
        else
            _writer.WriteString(name, double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }

    private JsonEncodedText Encoded(string name)
    {
        if (!_names.TryGetValue(name, out JsonEncodedText encoded))
            _names[name] = encoded = JsonEncodedText.Encode(name);
        return encoded;
    }
}
