using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gimbal.Models;

/// <summary>Converts other byte-level vocabularies to a <c>tokenizer.json</c>.</summary>
internal static class BpeConversion
{
    /// <summary>The special tokens of cl100k_base.</summary>
    public static IReadOnlyDictionary<string, int> Cl100kSpecialTokens { get; } = new Dictionary<string, int>
    {
        ["<|endoftext|>"] = 100257,
        ["<|fim_prefix|>"] = 100258,
        ["<|fim_middle|>"] = 100259,
        ["<|fim_suffix|>"] = 100260,
        ["<|endofprompt|>"] = 100276,
    };

    /// <summary>UTF-8 of the <c>tokenizer.json</c> for GPT-2's <c>vocab.json</c> and <c>merges.txt</c>.</summary>
    public static byte[] FromVocabularyAndMerges(string vocabularyPath, string mergesPath)
    {
        JsonElement root = JsonFile.ReadObject(vocabularyPath);
        Dictionary<string, int> vocabulary = [];
        foreach (JsonProperty entry in root.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || !vocabulary.TryAdd(entry.Name, id))
            {
                throw new InvalidFileException(vocabularyPath, $"has {entry.Value.GetRawText()} for the token '{entry.Name}', expected one id.");
            }
        }

        List<(string, string)> merges = ReadMerges(mergesPath, vocabulary);
        Dictionary<string, int> special = [];
        if (vocabulary.TryGetValue("<|endoftext|>", out int end))
        {
            special["<|endoftext|>"] = end;
        }

        return Write(vocabulary, merges, special, pattern: null);
    }

    /// <summary>UTF-8 of the <c>tokenizer.json</c> for tiktoken ranks.</summary>
    /// <remarks>
    /// tiktoken joins any two parts whose bytes together are a token, the lowest rank first; so every split of a token into
    /// two tokens is a merge, in the order of the ranks. It takes a word that is a token whole.
    /// </remarks>
    public static byte[] FromTiktoken(string path, string pattern, IReadOnlyDictionary<string, int> specialTokens)
    {
        Dictionary<string, int> vocabulary = ReadRanks(path);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        List<(string, string)> merges = [];
        List<(int First, int Second, int Length)> splits = [];
        foreach ((string token, _) in vocabulary.OrderBy(entry => entry.Value))
        {
            splits.Clear();
            for (int length = 1; length < token.Length; length++)
            {
                if (lookup.TryGetValue(token.AsSpan(0, length), out int first) && lookup.TryGetValue(token.AsSpan(length), out int second))
                {
                    splits.Add((first, second, length));
                }
            }

            splits.Sort();
            splits.ForEach(split => merges.Add((token[..split.Length], token[split.Length..])));
        }

        return Write(vocabulary, merges, specialTokens, pattern);
    }

    private static List<(string, string)> ReadMerges(string path, Dictionary<string, int> vocabulary)
    {
        List<(string, string)> merges = [];
        int number = 0;
        foreach (string line in ReadLines(path))
        {
            number++;
            if (line.Length == 0 || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal)))
            {
                continue;
            }

            string[] parts = line.Split(' ');
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
            {
                throw new InvalidFileException(path, $"has '{line}', expected two tokens with a space between.", number);
            }

            foreach (string token in new[] { parts[0], parts[1], parts[0] + parts[1] })
            {
                if (!vocabulary.ContainsKey(token))
                {
                    throw new InvalidFileException(path, $"needs the token '{token}', which the vocabulary lacks.", number);
                }
            }

            merges.Add((parts[0], parts[1]));
        }

        return merges;
    }

    private static Dictionary<string, int> ReadRanks(string path)
    {
        Dictionary<string, int> vocabulary = [];
        int number = 0;
        byte[] bytes = new byte[1024];
        foreach (string line in ReadLines(path))
        {
            number++;
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            if (line.Length > 0 && (space < 0 || !Convert.TryFromBase64Chars(line.AsSpan(0, space), bytes, out int count) || count == 0 ||
                !int.TryParse(line.AsSpan(space + 1), out int rank) || !vocabulary.TryAdd(ByteAlphabet.Write(bytes.AsSpan(0, count)), rank)))
            {
                throw new InvalidFileException(path, $"has '{line}', expected the bytes of a token in base64 and a rank, each token once.", number);
            }
        }

        return vocabulary;
    }

    private static string[] ReadLines(string path) => Encoding.UTF8.GetString(JsonFile.ReadBytes(path)).ReplaceLineEndings("\n").Split('\n');

    // Without a pattern: GPT-2's, which the ByteLevel step brings along.
    private static byte[] Write(Dictionary<string, int> vocabulary, List<(string First, string Second)> merges,
        IReadOnlyDictionary<string, int> special, string? pattern)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteStartArray("added_tokens");
            foreach ((string content, int id) in special)
            {
                WriteAdded(json, content, id);
            }

            json.WriteEndArray();
            json.WriteNull("normalizer");
            WritePreTokenizer(json, pattern);
            WriteByteLevel(json, "post_processor", useRegex: pattern is null);
            WriteByteLevel(json, "decoder", useRegex: pattern is null);
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WriteBoolean("ignore_merges", pattern is not null);
            json.WriteStartObject("vocab");
            foreach ((string token, int id) in vocabulary)
            {
                json.WriteNumber(token, id);
            }

            json.WriteEndObject();
            json.WriteStartArray("merges");
            merges.ForEach(merge => json.WriteStringValue($"{merge.First} {merge.Second}"));
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteAdded(Utf8JsonWriter json, string content, int id)
    {
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteString("content", content);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
        json.WriteBoolean("special", true);
        json.WriteEndObject();
    }

    private static void WritePreTokenizer(Utf8JsonWriter json, string? pattern)
    {
        if (pattern is null)
        {
            WriteByteLevel(json, "pre_tokenizer", useRegex: true);
            return;
        }

        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", pattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        WriteByteLevel(json, null, useRegex: false);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string? key, bool useRegex)
    {
        if (key is null)
        {
            json.WriteStartObject();
        }
        else
        {
            json.WriteStartObject(key);
        }

        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", useRegex);
        json.WriteEndObject();
    }
}
