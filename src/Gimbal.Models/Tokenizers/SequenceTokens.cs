using System.Text.Json;

namespace Gimbal.Models;

/// <summary>Which tokens begin, end and pad sequences: what a model folder says of it beside <c>tokenizer.json</c>.</summary>
/// <param name="Bos">Id that begins a sequence.</param>
/// <param name="Eos">Id that ends a sequence.</param>
/// <param name="Pad">Id of padding.</param>
internal readonly record struct SequenceTokens(int? Bos, int? Eos, int? Pad)
{
    public const string ConfigFileName = "tokenizer_config.json";

    /// <summary>
    /// Takes the first that exists of <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>config.json</c>;
    /// without one, or without a folder, the names in common use among <paramref name="special"/>.
    /// </summary>
    public static SequenceTokens Find(string? folder, Func<string, int?> idOf, IEnumerable<AddedToken> special)
    {
        foreach (string name in folder is null ? [] : new[] { ConfigFileName, "special_tokens_map.json" })
        {
            string path = Path.Combine(folder!, name);
            if (File.Exists(path))
            {
                JsonElement root = JsonFile.ReadObject(path);
                return new SequenceTokens(Named(path, root, "bos_token", idOf), Named(path, root, "eos_token", idOf),
                    Named(path, root, "pad_token", idOf));
            }
        }

        string? config = folder is null ? null : Path.Combine(folder, ModelConfig.FileName);
        if (config is not null && File.Exists(config))
        {
            JsonElement root = JsonFile.ReadObject(config);
            return new SequenceTokens(Numbered(root, "bos_token_id"), Numbered(root, "eos_token_id"), Numbered(root, "pad_token_id"));
        }

        Dictionary<string, int> known = special.ToDictionary(token => token.Content, token => token.Id);
        return new SequenceTokens(
            First(known, "<s>", "<|begin_of_text|>", "<|begin_of_sentence|>", "<bos>", "<|endoftext|>"),
            First(known, "</s>", "<|end_of_text|>", "<|end_of_sentence|>", "<eos>", "<|endoftext|>"),
            First(known, "<pad>", "<|pad|>", "[PAD]"));
    }

    // Written either as a text or as {"content": text, ...}.
    private static int? Named(string path, JsonElement root, string key, Func<string, int?> idOf)
    {
        if (!root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content))
        {
            value = content;
        }

        string token = value.ValueKind == JsonValueKind.String ? value.GetString()!
            : throw new InvalidFileException(path, $"has {value.GetRawText()} for '{key}', expected a token.");
        return idOf(token) ?? throw new InvalidFileException(path,
            $"names '{token}' as {key}, which {Tokenizer.FileName} lacks. Add it there, with a row in the model's embedding, or name another.");
    }

    // An id or a list of ids; the model's configuration is where they are checked.
    private static int? Numbered(JsonElement root, string key)
    {
        if (!root.TryGetProperty(key, out JsonElement value))
        {
            return null;
        }

        value = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 ? value[0] : value;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0 ? id : null;
    }

    private static int? First(Dictionary<string, int> known, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (known.TryGetValue(name, out int id))
            {
                return id;
            }
        }

        return null;
    }
}
