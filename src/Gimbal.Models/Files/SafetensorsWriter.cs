using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Gimbal.Models;

/// <summary>
/// Writes a float32 safetensors file: first every name and shape, then the data in that order, then <see cref="Commit"/>.
/// The bytes go to a temporary file in the same folder, which is flushed and renamed at the end, so that a crash at any
/// moment leaves the old file or the new one, whole.
/// </summary>
/// <example><code>
/// using SafetensorsWriter writer = new("model.safetensors", [("weight", [2, 3]), ("bias", [2])]);
/// writer.Write("weight", weight);
/// writer.Write("bias", bias);
/// writer.Commit();
/// </code></example>
public sealed class SafetensorsWriter : IDisposable
{
    private readonly string path;
    private readonly string temporary;
    private readonly List<(string Name, long Count)> entries = [];
    private FileStream? stream;
    private int next;

    /// <summary>Creates the temporary file and writes the header.</summary>
    /// <param name="path">The file to write; its folder exists.</param>
    /// <param name="entries">Name and shape of every tensor, in the order in which <see cref="Write"/> will be called.</param>
    /// <param name="metadata">Free text pairs; <c>format: pt</c>, which other readers insist on, is added if absent.</param>
    /// <exception cref="ArgumentException">A name occurs twice or is reserved, or a size is negative.</exception>
    public SafetensorsWriter(string path, IEnumerable<(string Name, long[] Shape)> entries,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(entries);
        byte[] header = Header(entries, metadata);
        this.path = System.IO.Path.GetFullPath(path);
        temporary = $"{this.path}.{Guid.NewGuid():N}.tmp";
        stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        try
        {
            stream.Write(length);
            stream.Write(header);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes the next tensor.</summary>
    /// <param name="name">Its name: the next of the announced order.</param>
    /// <param name="data">All its elements, row-major.</param>
    /// <exception cref="ArgumentException">Another name or count was announced.</exception>
    public void Write(string name, ReadOnlySpan<float> data)
    {
        FileStream stream = Stream;
        if (next == entries.Count || entries[next].Name != name)
        {
            string expected = next == entries.Count ? "no further tensor" : $"'{entries[next].Name}'";
            throw new ArgumentException($"{path}: got tensor '{name}', but the header announced {expected} here.", nameof(name));
        }

        if (entries[next].Count != data.Length)
        {
            throw new ArgumentException($"{path}: tensor '{name}' was announced with {entries[next].Count} elements, got {data.Length}.",
                nameof(data));
        }

        // Span lengths are ints, so the bytes of a large tensor go out in parts.
        const int Part = 1 << 20;
        for (int start = 0; start < data.Length; start += Part)
        {
            stream.Write(MemoryMarshal.AsBytes(data.Slice(start, Math.Min(Part, data.Length - start))));
        }

        next++;
    }

    /// <summary>Flushes the temporary file to the disk and gives it its name.</summary>
    /// <exception cref="InvalidOperationException">An announced tensor was not written.</exception>
    public void Commit()
    {
        FileStream stream = Stream;
        if (next != entries.Count)
        {
            throw new InvalidOperationException(
                $"{path}: tensor '{entries[next].Name}' was announced but not written ({next} of {entries.Count} were).");
        }

        // A failure from here on leaves the temporary file to Dispose.
        stream.Flush(flushToDisk: true);
        stream.Dispose();
        File.Move(this.temporary, path, overwrite: true);
        this.stream = null;
    }

    /// <summary>Without a <see cref="Commit"/> before: removes the temporary file and leaves an older file as it was.</summary>
    public void Dispose()
    {
        if (this.stream is { } stream)
        {
            this.stream = null;
            try
            {
                stream.Dispose();
            }
            finally
            {
                File.Delete(temporary);
            }
        }
    }

    private FileStream Stream => stream ?? throw new ObjectDisposedException(nameof(SafetensorsWriter), "committed or disposed");

    private byte[] Header(IEnumerable<(string Name, long[] Shape)> entries, IReadOnlyDictionary<string, string>? metadata)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            if (metadata is null || !metadata.ContainsKey("format"))
            {
                json.WriteString("format", "pt");
            }

            foreach ((string key, string value) in metadata ?? new Dictionary<string, string>())
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            WriteEntries(json, entries);
            json.WriteEndObject();
        }

        // Spaces behind the JSON put the data on a multiple of eight.
        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        return buffer.ToArray();
    }

    private void WriteEntries(Utf8JsonWriter json, IEnumerable<(string Name, long[] Shape)> entries)
    {
        HashSet<string> names = ["__metadata__"];
        long offset = 0;
        foreach ((string name, long[] shape) in entries)
        {
            if (!names.Add(name))
            {
                throw new ArgumentException($"tensor '{name}' is announced twice, or its name is reserved.", nameof(entries));
            }

            long count = 1;
            json.WriteStartObject(name);
            json.WriteString("dtype", "F32");
            json.WriteStartArray("shape");
            foreach (long size in shape)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(size);
                count = checked(count * size);
                json.WriteNumberValue(size);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(offset = checked(offset + count * sizeof(float)));
            json.WriteEndArray();
            json.WriteEndObject();
            this.entries.Add((name, count));
        }
    }
}
