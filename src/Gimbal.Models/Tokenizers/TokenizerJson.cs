using System.Text.Json;

namespace Gimbal.Models;

/// <summary>Typed access to the members of one object of a <c>tokenizer.json</c>; errors name the file and where in it.</summary>
/// <param name="Path">The file.</param>
/// <param name="Where">Dotted place in the file, as in <c>model</c>.</param>
/// <param name="Element">The object.</param>
internal sealed record TokenizerJson(string Path, string Where, JsonElement Element)
{
    /// <summary>The <c>type</c> of the object.</summary>
    public string Type => Text("type") ?? throw Fault("has no 'type'.");

    public InvalidFileException Fault(string message, Exception? cause = null) =>
        new(Path, $"{(Where.Length == 0 ? "the tokenizer" : Where)} {message}", innerException: cause);

    /// <summary>The member of that name, or null if it is absent or null.</summary>
    public JsonElement? Find(string key) =>
        Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(key, out JsonElement value) &&
        value.ValueKind != JsonValueKind.Null ? value : null;

    public string? Text(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(key, value, "a text");

    public bool Flag(string key, bool fallback) => Find(key) is not { } value ? fallback
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(key, value, "true or false");

    public int Integer(string key, int? fallback = null) => Find(key) is not { } value ? fallback ?? throw Fault($"has no '{key}'.")
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : throw Wrong(key, value, "an integer");

    public TokenizerJson? Object(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new TokenizerJson(Path, Place(key), value)
        : throw Wrong(key, value, "an object");

    /// <summary>The objects of an array; none if it is absent.</summary>
    public IEnumerable<TokenizerJson> Objects(string key)
    {
        if (Find(key) is not { } array)
        {
            yield break;
        }

        if (array.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(key, array, "an array");
        }

        int index = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            string where = $"{Place(key)}[{index++}]";
            yield return item.ValueKind == JsonValueKind.Object
                ? new TokenizerJson(Path, where, item)
                : throw new InvalidFileException(Path, $"{where} is {Short(item)}, expected an object.");
        }
    }

    public InvalidFileException Wrong(string key, JsonElement value, string expected) =>
        Fault($"has {Short(value)} for '{key}', expected {expected}.");

    private string Place(string key) => Where.Length == 0 ? key : $"{Where}.{key}";

    private static string Short(JsonElement value) =>
        value.GetRawText() is { Length: > 40 } text ? text[..40] + "..." : value.GetRawText();
}
