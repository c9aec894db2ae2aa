using System.Text.Json;

namespace Gimbal.Models;

/// <summary>The JSON header of a safetensors file, checked so that no later read can leave the data.</summary>
internal sealed class SafetensorsHeader
{
    private const string MetadataKey = "__metadata__";

    private SafetensorsHeader(List<SafetensorsEntry> entries, Dictionary<string, string> metadata) =>
        (Entries, Metadata) = (entries, metadata);

    /// <summary>Tensors in the order of their data.</summary>
    public List<SafetensorsEntry> Entries { get; }

    public Dictionary<string, string> Metadata { get; }

    /// <summary>Reads the header of <paramref name="file"/>, whose data has <paramref name="dataBytes"/> bytes.</summary>
    public static SafetensorsHeader Parse(SafetensorsFile file, byte[] utf8, long dataBytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8);
            return Read(file, document.RootElement, dataBytes);
        }
        catch (JsonException e)
        {
            throw file.Fault($"the header is not valid JSON: {e.Message}", cause: e);
        }
        catch (InvalidOperationException e)
        {
            // What the JSON reader says of bytes that are not UTF-8 and of escapes like \ud800.
            throw file.Fault($"the header holds a text that is not Unicode: {e.Message}", cause: e);
        }
    }

    public static int SizeOf(SafetensorsDType dtype) => dtype switch
    {
        SafetensorsDType.Float64 or SafetensorsDType.Int64 or SafetensorsDType.UInt64 => 8,
        SafetensorsDType.Float32 or SafetensorsDType.Int32 or SafetensorsDType.UInt32 => 4,
        SafetensorsDType.BFloat16 or SafetensorsDType.Float16 or SafetensorsDType.Int16 or SafetensorsDType.UInt16 => 2,
        _ => 1,
    };

    private static SafetensorsHeader Read(SafetensorsFile file, JsonElement root, long dataBytes)
    {
        List<SafetensorsEntry> entries = [];
        Dictionary<string, string> metadata = [];
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw file.Fault($"the header is a JSON {root.ValueKind}, expected an object of tensors.");
        }

        HashSet<string> names = [];
        foreach (JsonProperty property in root.EnumerateObject())
        {
            string name = property.Name;
            if (!names.Add(name))
            {
                throw file.Fault("appears twice in the header. Write the file again with distinct names.", name);
            }

            if (name == MetadataKey)
            {
                ReadMetadata(file, property.Value, metadata);
            }
            else
            {
                entries.Add(ReadEntry(file, name, property.Value));
            }
        }

        CheckLayout(file, entries, dataBytes);
        return new SafetensorsHeader(entries, metadata);
    }

    private static void ReadMetadata(SafetensorsFile file, JsonElement element, Dictionary<string, string> metadata)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw file.Fault($"{MetadataKey} is a JSON {element.ValueKind}, expected an object of strings.");
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
            {
                throw file.Fault($"{MetadataKey}.{property.Name} is a JSON {property.Value.ValueKind}, expected a string.");
            }

            metadata[property.Name] = property.Value.GetString()!;
        }
    }

    private static SafetensorsEntry ReadEntry(SafetensorsFile file, string name, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw file.Fault($"is described by a JSON {element.ValueKind}, expected an object with dtype, shape, data_offsets.", name);
        }

        JsonElement typeName = Member(file, name, element, "dtype", JsonValueKind.String);
        if (!TryParse(typeName.GetString()!, out SafetensorsDType dtype))
        {
            throw file.Fault($"has the unknown dtype '{typeName.GetString()}'; known are F32, BF16, F16, F64, I64, I32, I16, I8, " +
                "U64, U32, U16, U8, BOOL. Convert the file to F32 or BF16.", name);
        }

        long[] shape = ReadIntegers(file, name, element, "shape");
        long[] offsets = ReadIntegers(file, name, element, "data_offsets");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
        {
            throw file.Fault($"has data_offsets [{string.Join(", ", offsets)}], expected [begin, end] with begin <= end.", name);
        }

        long count = 1, bytes;
        try
        {
            foreach (long size in shape)
            {
                count = checked(count * size);
            }

            bytes = checked(count * SizeOf(dtype));
        }
        catch (OverflowException e)
        {
            throw file.Fault($"has shape ({string.Join(", ", shape)}), whose byte count overflows 64 bits.", name, e);
        }

        if (bytes != offsets[1] - offsets[0])
        {
            throw file.Fault($"has shape ({string.Join(", ", shape)}) of {typeName.GetString()}, which takes {bytes} bytes, " +
                $"but data_offsets [{offsets[0]}, {offsets[1]}] give it {offsets[1] - offsets[0]}.", name);
        }

        return new SafetensorsEntry(file, name, dtype, shape, count, offsets[0], offsets[1]);
    }

    private static JsonElement Member(SafetensorsFile file, string name, JsonElement element, string key, JsonValueKind kind)
    {
        if (!element.TryGetProperty(key, out JsonElement value))
        {
            throw file.Fault($"has no '{key}' in the header.", name);
        }

        return value.ValueKind == kind
            ? value
            : throw file.Fault($"has a JSON {value.ValueKind} for '{key}', expected a JSON {kind}.", name);
    }

    private static long[] ReadIntegers(SafetensorsFile file, string name, JsonElement element, string key)
    {
        JsonElement array = Member(file, name, element, key, JsonValueKind.Array);
        long[] values = new long[array.GetArrayLength()];
        int i = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long value) || value < 0)
            {
                throw file.Fault($"has {item.GetRawText()} in '{key}', expected integers of 0 or more, below 2^63.", name);
            }

            values[i++] = value;
        }

        return values;
    }

    // The format wants the data covered exactly: no overlap, no hole, nothing behind the last tensor.
    private static void CheckLayout(SafetensorsFile file, List<SafetensorsEntry> entries, long dataBytes)
    {
        entries.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long expected = 0;
        SafetensorsEntry? previous = null;
        foreach (SafetensorsEntry entry in entries)
        {
            if (entry.End > dataBytes)
            {
                throw file.Fault($"ends at byte {entry.End} of the data, but the file holds only {dataBytes}. " +
                    "Was the download or copy cut off?", entry.Name);
            }

            if (entry.Begin < expected)
            {
                throw file.Fault($"begins at byte {entry.Begin} of the data and overlaps '{previous!.Name}', which ends at {expected}.",
                    entry.Name);
            }

            if (entry.Begin > expected)
            {
                throw file.Fault($"begins at byte {entry.Begin} of the data, but the tensor before it ends at {expected}: " +
                    "the format allows no hole.", entry.Name);
            }

            (expected, previous) = (entry.End, entry);
        }

        if (expected != dataBytes)
        {
            throw file.Fault($"the tensors take {expected} bytes, but {dataBytes} follow the header.", previous?.Name);
        }
    }

    private static bool TryParse(string name, out SafetensorsDType dtype)
    {
        SafetensorsDType? parsed = name switch
        {
            "F32" => SafetensorsDType.Float32,
            "BF16" => SafetensorsDType.BFloat16,
            "F16" => SafetensorsDType.Float16,
            "F64" => SafetensorsDType.Float64,
            "I64" => SafetensorsDType.Int64,
            "I32" => SafetensorsDType.Int32,
            "I16" => SafetensorsDType.Int16,
            "I8" => SafetensorsDType.Int8,
            "U64" => SafetensorsDType.UInt64,
            "U32" => SafetensorsDType.UInt32,
            "U16" => SafetensorsDType.UInt16,
            "U8" => SafetensorsDType.UInt8,
            "BOOL" => SafetensorsDType.Boolean,
            _ => null,
        };
        dtype = parsed.GetValueOrDefault();
        return parsed is not null;
    }
}
