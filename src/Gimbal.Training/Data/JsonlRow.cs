using System.Text.Json;

namespace Gimbal.Training;

/// <summary>One JSON object of a JSONL file, read key by key; every error names the file, the line and what was expected.</summary>
internal readonly struct JsonlRow
{
    private readonly JsonElement root;
    private readonly string path;
    private readonly int line;

    private JsonlRow(JsonElement root, string path, int line) => (this.root, this.path, this.line) = (root, path, line);

    /// <summary>Reads every row of a file.</summary>
    public static List<T> ReadAll<T>(string path, Func<JsonlRow, T> read)
    {
        List<T> rows = [];
        foreach ((int line, ReadOnlyMemory<byte> bytes) in TextLines.Read(path))
        {
            TextLines.CheckUtf8(bytes, path, line);
            try
            {
                using JsonDocument document = JsonDocument.Parse(bytes);
                rows.Add(read(new JsonlRow(document.RootElement, path, line).CheckObject()));
            }
            catch (JsonException error)
            {
                throw new InvalidFileException(path,
                    $"broken JSON at byte {error.BytePositionInLine + 1}, expected one whole JSON object a line: {error.Message}", line, innerException: error);
            }
            catch (InvalidOperationException error)
            {
                throw new InvalidFileException(path, $"a string is not valid Unicode: {error.Message}", line, innerException: error);
            }
        }

        return rows.Count > 0 ? rows : throw new InvalidFileException(path, "no rows; expected one JSON object a line");
    }

    /// <summary>The prompt: <c>prompt</c> as text or messages, else <c>messages</c>; messages end before the assistant's turn.</summary>
    public string Prompt()
    {
        string key = Has("prompt") || !Has("messages") ? "prompt" : "messages";
        JsonElement value = Required(key);
        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        List<(string Role, string Content)> messages = Messages(value, key);
        return messages[^1].Role != "assistant"
            ? ChatTemplate.Prompt(messages)
            : throw Fault($"'{key}' ends with an assistant message, expected the last message to be the user's");
    }

    /// <summary>A completion: text, or a list with one assistant message.</summary>
    public string Completion(string key)
    {
        JsonElement value = Required(key);
        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        List<(string Role, string Content)> messages = Messages(value, key);
        return messages is [("assistant", string content)]
            ? ChatTemplate.Completion(content)
            : throw Fault($"'{key}' has {messages.Count} messages ending with role '{messages[^1].Role}', expected exactly one assistant message");
    }

    /// <summary>The three shapes of a row to imitate.</summary>
    public CompletionExample PromptAndCompletion()
    {
        if (Has("text") && !Has("prompt"))
        {
            JsonElement text = Required("text");
            return text.ValueKind == JsonValueKind.String
                ? new CompletionExample("", text.GetString()!)
                : throw Fault($"'text' is {Describe(text)}, expected a string");
        }

        if (!Has("messages") || Has("prompt"))
        {
            return Has("prompt")
                ? new CompletionExample(Prompt(), Completion("completion"))
                : throw Fault($"expected the keys 'prompt' and 'completion', or 'messages', or 'text'; found {Keys()}");
        }

        List<(string Role, string Content)> messages = Messages(Required("messages"), "messages");
        return messages[^1].Role == "assistant"
            ? new CompletionExample(ChatTemplate.Prompt(messages[..^1]), ChatTemplate.Completion(messages[^1].Content),
                Pieces: ChatTemplate.Pieces(messages))
            : throw Fault($"'messages' ends with role '{messages[^1].Role}', expected the last message to be the assistant's, which is the completion");
    }

    /// <summary>Token ids under a key, or null where the key is absent.</summary>
    public int[]? OptionalIds(string key)
    {
        if (!Has(key))
        {
            return null;
        }

        JsonElement value = Required(key);
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Fault($"'{key}' is {Describe(value)}, expected a list of token ids");
        }

        int[] ids = new int[value.GetArrayLength()];
        for (int i = 0; i < ids.Length; i++)
        {
            JsonElement item = value[i];
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out ids[i]) || ids[i] < 0)
            {
                throw Fault($"'{key}'[{i}] is {item.GetRawText()}, expected a token id, an integer of at least 0");
            }
        }

        return ids;
    }

    /// <summary>True or false.</summary>
    public bool Flag(string key) => Required(key) is { ValueKind: JsonValueKind.True or JsonValueKind.False } value
        ? value.GetBoolean()
        : throw Fault($"'{key}' is {Describe(Required(key))}, expected true or false");

    /// <summary>Every other key with its value; nulls are left out.</summary>
    public Dictionary<string, string> FurtherColumns(params ReadOnlySpan<string> known)
    {
        Dictionary<string, string> columns = new(StringComparer.Ordinal);
        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (!known.Contains(property.Name) && property.Value.ValueKind != JsonValueKind.Null)
            {
                columns[property.Name] = property.Value.ValueKind == JsonValueKind.String
                    ? property.Value.GetString()!
                    : property.Value.GetRawText();
            }
        }

        return columns;
    }

    private JsonlRow CheckObject() => root.ValueKind == JsonValueKind.Object
        ? this
        : throw Fault($"the line is {Describe(root)}, expected a JSON object");

    private bool Has(string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    private JsonElement Required(string key) => Has(key)
        ? root.GetProperty(key)
        : throw Fault($"the key '{key}' is missing; found {Keys()}");

    private List<(string Role, string Content)> Messages(JsonElement value, string key)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
        {
            throw Fault($"'{key}' is {Describe(value)}, expected a string or a list of messages");
        }

        List<(string Role, string Content)> messages = [];
        foreach (JsonElement message in value.EnumerateArray())
        {
            messages.Add((MessageField(message, "role", key, messages.Count), MessageField(message, "content", key, messages.Count)));
            if (!ChatTemplate.Roles.Contains(messages[^1].Role))
            {
                throw Fault($"'{key}'[{messages.Count - 1}] has role '{messages[^1].Role}', expected one of {string.Join(", ", ChatTemplate.Roles)}");
            }
        }

        return messages;
    }

    private string MessageField(JsonElement message, string field, string key, int index) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty(field, out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw Fault($"'{key}'[{index}] is {Reward.Excerpt(message.GetRawText())}, expected an object with the strings 'role' and 'content'");

    private string Keys()
    {
        List<string> keys = [];
        foreach (JsonProperty property in root.EnumerateObject())
        {
            keys.Add($"'{property.Name}'");
        }

        return keys.Count == 0 ? "no keys" : string.Join(", ", keys);
    }

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array when value.GetArrayLength() == 0 => "an empty list",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {value.GetRawText()}",
        _ => value.GetRawText(),
    };

    private InvalidFileException Fault(string message) => new(path, message, line);
}
