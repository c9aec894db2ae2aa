using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gimbal.Models;

/// <summary>The <c>model</c> of a <c>tokenizer.json</c> of type BPE: vocabulary and merges, and the encoding of one word.</summary>
internal sealed class BpeModel
{
    // Above every vocabulary in use; keeps one hostile id from claiming the memory.
    public const int IdLimit = 1 << 24;

    private readonly string path;
    private readonly bool byteLevel, ignoreMerges, fuseUnknown;
    private readonly Dictionary<string, int> ids = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private readonly int[] byteIds = new int[256];
    private readonly int unknownId = -1;
    private readonly MergeTable merges;

    private BpeModel(TokenizerJson json, bool byteLevel)
    {
        string type = json.Text("type") ?? "BPE";
        if (type != "BPE")
        {
            throw json.Fault($"is of type '{type}', which is not supported; supported is BPE, byte-level or with byte fallback.");
        }

        foreach (string key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (json.Text(key) is { Length: > 0 } affix)
            {
                throw json.Fault($"has the {key} '{affix}', which is not supported.");
            }
        }

        (path, this.byteLevel) = (json.Path, byteLevel);
        (ignoreMerges, fuseUnknown) = (json.Flag("ignore_merges", false), json.Flag("fuse_unk", false));
        lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        ReadVocabulary(json);
        bool byteFallback = json.Flag("byte_fallback", false);
        for (int value = 0; value < 256; value++)
        {
            string token = byteLevel ? ByteAlphabet.CharacterOf((byte)value).ToString() : $"<0x{value:X2}>";
            byteIds[value] = byteLevel || byteFallback ? ids.GetValueOrDefault(token, -1) : -1;
        }

        if (json.Text("unk_token") is { } unknown)
        {
            unknownId = ids.TryGetValue(unknown, out int id) ? id
                : throw json.Fault($"names the unk_token '{unknown}', which the vocabulary lacks.");
        }

        merges = ReadMerges(json);
    }

    /// <summary>One more than the largest id.</summary>
    public int Size { get; private set; }

    /// <summary>Token and id, in the order of the file.</summary>
    public IEnumerable<KeyValuePair<string, int>> Vocabulary => ids;

    public static BpeModel Parse(TokenizerJson json, bool byteLevel) => new(json, byteLevel);

    /// <summary>Id of a token, or null if the vocabulary lacks it.</summary>
    public int? Find(string token) => ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>Appends the ids of one word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        int capacity = Encoding.UTF8.GetMaxByteCount(word.Length);
        int[] symbols = ArrayPool<int>.Shared.Rent(capacity);
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(capacity);
        try
        {
            int count;
            if (byteLevel)
            {
                ReadOnlySpan<byte> bytes = utf8.AsSpan(0, Encoding.UTF8.GetBytes(word, utf8));
                count = ignoreMerges && FindWhole(bytes, symbols) ? 1 : ByteSymbols(word, bytes, symbols);
            }
            else if (ignoreMerges && lookup.TryGetValue(word, out int whole))
            {
                (symbols[0], count) = (whole, 1);
            }
            else
            {
                count = CharacterSymbols(word, symbols);
            }

            count = merges.Merge(symbols.AsSpan(0, count));
            ids.AddRange(symbols.AsSpan(0, count));
        }
        finally
        {
            ArrayPool<int>.Shared.Return(symbols);
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    private bool FindWhole(ReadOnlySpan<byte> bytes, int[] symbols)
    {
        Span<char> written = stackalloc char[128];
        if (bytes.Length > written.Length)
        {
            return false;
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            written[i] = ByteAlphabet.CharacterOf(bytes[i]);
        }

        return lookup.TryGetValue(written[..bytes.Length], out symbols[0]);
    }

    private int ByteSymbols(ReadOnlySpan<char> word, ReadOnlySpan<byte> bytes, int[] symbols)
    {
        int count = 0;
        bool unknown = false;
        foreach (byte value in bytes)
        {
            if (byteIds[value] is >= 0 and int id)
            {
                (symbols[count++], unknown) = (id, false);
            }
            else
            {
                AddUnknown(symbols, ref count, ref unknown, word);
            }
        }

        return count;
    }

    private int CharacterSymbols(ReadOnlySpan<char> word, int[] symbols)
    {
        int count = 0;
        bool unknown = false;
        Span<byte> utf8 = stackalloc byte[4];
        for (int at = 0; at < word.Length;)
        {
            int length = char.IsHighSurrogate(word[at]) ? 2 : 1;
            ReadOnlySpan<char> character = word.Slice(at, length);
            at += length;
            if (lookup.TryGetValue(character, out int id))
            {
                (symbols[count++], unknown) = (id, false);
            }
            else if (!AddBytes(utf8[..Encoding.UTF8.GetBytes(character, utf8)], symbols, ref count))
            {
                AddUnknown(symbols, ref count, ref unknown, character);
            }
            else
            {
                unknown = false;
            }
        }

        return count;
    }

    private bool AddBytes(ReadOnlySpan<byte> bytes, int[] symbols, ref int count)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            symbols[count + i] = byteIds[bytes[i]];
            if (symbols[count + i] < 0)
            {
                return false;
            }
        }

        count += bytes.Length;
        return true;
    }

    private void AddUnknown(int[] symbols, ref int count, ref bool unknown, ReadOnlySpan<char> what)
    {
        if (unknownId < 0)
        {
            throw new GimbalException($"{path}: the vocabulary has no token for '{what}'" +
                (what.Length <= 2 ? $" (U+{char.ConvertToUtf32(what.ToString(), 0):X4})" : "") +
                ", no bytes to spell it with and no unk_token. Take it out of the data or use another tokenizer.");
        }

        if (!unknown || !fuseUnknown)
        {
            symbols[count++] = unknownId;
        }

        unknown = true;
    }

    private void ReadVocabulary(TokenizerJson json)
    {
        if (json.Find("vocab") is not { ValueKind: JsonValueKind.Object } vocabulary)
        {
            throw json.Fault("has no object 'vocab' from token to id.");
        }

        HashSet<int> used = [];
        foreach (JsonProperty entry in vocabulary.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || id is < 0 or >= IdLimit)
            {
                throw json.Fault($"has the id {entry.Value.GetRawText()} for the token '{entry.Name}', expected 0 to {IdLimit - 1}.");
            }

            if (!ids.TryAdd(entry.Name, id) || !used.Add(id))
            {
                throw json.Fault($"holds the token '{entry.Name}' or its id {id} twice in 'vocab'.");
            }

            Size = Math.Max(Size, id + 1);
        }
    }

    private MergeTable ReadMerges(TokenizerJson json)
    {
        if (json.Find("merges") is not { ValueKind: JsonValueKind.Array } merges)
        {
            throw json.Fault("has no array 'merges'.");
        }

        MergeTable table = new(merges.GetArrayLength());
        int rank = 0;
        foreach (JsonElement merge in merges.EnumerateArray())
        {
            (string first, string second) = ReadPair(json, merge, rank);
            table.Add(IdOf(first), IdOf(second), rank, IdOf(first + second));
            rank++;

            int IdOf(string token) => ids.TryGetValue(token, out int id) ? id
                : throw json.Fault($"needs the token '{token}' for merge {rank} ('{first}' + '{second}'), which the vocabulary lacks.");
        }

        return table;
    }

    private static (string First, string Second) ReadPair(TokenizerJson json, JsonElement merge, int rank)
    {
        if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2 &&
            merge[0].ValueKind == JsonValueKind.String && merge[1].ValueKind == JsonValueKind.String)
        {
            return (merge[0].GetString()!, merge[1].GetString()!);
        }

        string[] parts = merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Split(' ') : [];
        return parts.Length == 2 && parts[0].Length > 0 && parts[1].Length > 0
            ? (parts[0], parts[1])
            : throw json.Fault($"has {merge.GetRawText()} as merge {rank}, expected two tokens.");
    }
}
