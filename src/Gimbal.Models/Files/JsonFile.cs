using System.Text.Json;

namespace Gimbal.Models;

/// <summary>Reads JSON files with errors that name file, line and key.</summary>
internal static class JsonFile
{
    /// <summary>The object that makes up the file.</summary>
    /// <exception cref="InvalidFileException">Missing, not JSON, or not an object.</exception>
    public static JsonElement ReadObject(string path) => ParseObject(path, ReadBytes(path));

    /// <summary>All bytes of a file.</summary>
    /// <exception cref="InvalidFileException">Missing or not readable.</exception>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(path, $"cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <summary>The object in <paramref name="utf8"/>, which came from <paramref name="path"/>.</summary>
    /// <exception cref="InvalidFileException">Not JSON, or not an object.</exception>
    public static JsonElement ParseObject(string path, byte[] utf8)
    {
        ReadOnlyMemory<byte> text = utf8.AsSpan().StartsWith("\uFEFF"u8) ? utf8.AsMemory(3) : utf8;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement root = document.RootElement.Clone();
            return root.ValueKind == JsonValueKind.Object
                ? root
                : throw new InvalidFileException(path, $"is a JSON {root.ValueKind}, expected an object.");
        }
        catch (JsonException e)
        {
            throw new InvalidFileException(path, $"is not valid JSON: {e.Message}", line: (int?)e.LineNumber + 1, innerException: e);
        }
    }
}
