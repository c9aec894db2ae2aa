using System.Text.Json;

namespace Gimbal.Models;

/// <summary>The shards behind a <c>model.safetensors.index.json</c>: <c>{"metadata": {...}, "weight_map": {tensor: file}}</c>.</summary>
internal sealed class SafetensorsIndex
{
    public List<SafetensorsFile> Files { get; } = [];

    public List<SafetensorsEntry> Entries { get; } = [];

    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Opens every shard that the index at <paramref name="path"/> names.</summary>
    public static SafetensorsIndex Open(string path)
    {
        SafetensorsIndex index = new();
        try
        {
            index.Read(path);
            return index;
        }
        catch
        {
            index.Files.ForEach(file => file.Dispose());
            throw;
        }
    }

    private void Read(string path)
    {
        JsonElement root = JsonFile.ReadObject(path);
        if (root.TryGetProperty("metadata", out JsonElement metadata) && metadata.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in metadata.EnumerateObject())
            {
                Metadata[property.Name] = property.Value.ToString();
            }
        }

        if (!root.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidFileException(path, "has no object 'weight_map' from tensor to file.");
        }

        Dictionary<string, string> shardOf = ReadMap(path, map);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string shard in shardOf.Values.Distinct().Order(StringComparer.Ordinal))
        {
            SafetensorsFile file = new(Path.Combine(folder, shard));
            Files.Add(file);
            Entries.AddRange(file.Header.Entries.Where(entry => shardOf.GetValueOrDefault(entry.Name) == shard));
        }

        if (Entries.Count != shardOf.Count)
        {
            HashSet<string> found = [.. Entries.Select(entry => entry.Name)];
            string missing = shardOf.Keys.First(name => !found.Contains(name));
            throw new InvalidFileException(path, $"should lie in {shardOf[missing]}, which does not hold it.", tensor: missing);
        }
    }

    private static Dictionary<string, string> ReadMap(string path, JsonElement map)
    {
        Dictionary<string, string> shardOf = [];
        foreach (JsonProperty property in map.EnumerateObject())
        {
            string? shard = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null;
            // A path in the index could reach any file of the machine.
            if (string.IsNullOrEmpty(shard) || shard.AsSpan().ContainsAny('/', '\\', '\0') || shard == "..")
            {
                throw new InvalidFileException(path,
                    $"lies in {property.Value.GetRawText()}, expected the name of a file in the same folder.", tensor: property.Name);
            }

            if (!shardOf.TryAdd(property.Name, shard))
            {
                throw new InvalidFileException(path, "appears twice in 'weight_map'.", tensor: property.Name);
            }
        }

        return shardOf;
    }
}
