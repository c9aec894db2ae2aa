using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gimbal.Models;

/// <summary>
/// One token per character of a fixed alphabet. Ids: the special tokens that exist, in the order pad, BOS, EOS, then the
/// alphabet in its order. <see cref="Tokenizer.Encode"/> puts BOS in front; EOS is the trainer's business.
/// </summary>
/// <remarks>File: <c>{"type": "gimbal_character", "alphabet": "...", "pad": "...", "bos": "...", "eos": "..."}</c>.</remarks>
public sealed class CharacterTokenizer : Tokenizer
{
    private const string FileType = "gimbal_character";

    private readonly string source;
    private readonly string? pad, bos, eos;
    private readonly Dictionary<Rune, int> ids = [];
    private readonly List<byte[]> bytes = [];
    private readonly AddedTokens specials;
    private readonly int specialCount;

    /// <summary>A tokenizer of the given alphabet.</summary>
    /// <param name="alphabet">Every character that may occur, each once.</param>
    /// <param name="pad">How padding is written; null: there is none.</param>
    /// <param name="bos">How the start of a sequence is written; null: there is none.</param>
    /// <param name="eos">How the end of a sequence is written; null: there is none.</param>
    /// <exception cref="GimbalException">The alphabet is empty or repeats a character, or two special tokens are written alike.</exception>
    public CharacterTokenizer(string alphabet, string? pad = "<pad>", string? bos = "<bos>", string? eos = "<eos>")
        : this("the character tokenizer", alphabet, pad, bos, eos)
    {
    }

    private CharacterTokenizer(string source, string alphabet, string? pad, string? bos, string? eos)
    {
        ArgumentNullException.ThrowIfNull(alphabet);
        (this.source, Alphabet, this.pad, this.bos, this.eos) = (source, alphabet, pad, bos, eos);
        List<AddedToken> specials = [];
        PadId = AddSpecial(specials, pad);
        BosId = AddSpecial(specials, bos);
        EosId = AddSpecial(specials, eos);
        (this.specials, specialCount) = (new AddedTokens(specials), specials.Count);
        foreach (Rune rune in alphabet.EnumerateRunes())
        {
            if (!ids.TryAdd(rune, bytes.Count))
            {
                throw new GimbalException($"the alphabet holds {UnicodeText.Describe(rune)} twice, expected every character once.");
            }

            bytes.Add(Encoding.UTF8.GetBytes(rune.ToString()));
        }

        if (ids.Count == 0)
        {
            throw new GimbalException($"the alphabet is empty, expected every character that may occur.");
        }
    }

    /// <summary>The characters that have tokens.</summary>
    public string Alphabet { get; }

    /// <inheritdoc/>
    public override int VocabularySize => bytes.Count;

    /// <inheritdoc/>
    public override void Save(string folder)
    {
        using MemoryStream buffer = new();
        // Alphabets are for people to read: no \u002B for a plus sign.
        JsonWriterOptions options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (Utf8JsonWriter json = new(buffer, options))
        {
            json.WriteStartObject();
            json.WriteString("type", FileType);
            json.WriteString("alphabet", Alphabet);
            json.WriteString("pad", pad);
            json.WriteString("bos", bos);
            json.WriteString("eos", eos);
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        AtomicFile.Write(Path.Combine(folder, FileName), buffer.ToArray());
    }

    /// <summary>The tokenizer in the file, or null if the file holds one of another kind.</summary>
    internal static CharacterTokenizer? TryParse(string path, JsonElement root)
    {
        if (!root.TryGetProperty("type", out JsonElement type) || type.ValueKind != JsonValueKind.String || !type.ValueEquals(FileType))
        {
            return null;
        }

        string alphabet = Text("alphabet") ?? throw new InvalidFileException(path, "has no text 'alphabet'.");
        string? pad = Text("pad"), bos = Text("bos"), eos = Text("eos");
        try
        {
            return new CharacterTokenizer(path, alphabet, pad, bos, eos);
        }
        catch (GimbalException e)
        {
            throw new InvalidFileException(path, e.Message, innerException: e);
        }

        string? Text(string key) => !root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
            : value.ValueKind == JsonValueKind.String ? value.GetString()
            : throw new InvalidFileException(path, $"has {value.GetRawText()} for '{key}', expected a text.");
    }

    private protected override void EncodeTo(List<int> ids, string text, bool addSpecial, bool parseSpecial)
    {
        if (addSpecial && BosId is { } bos)
        {
            ids.Add(bos);
        }

        int start = 0;
        while (start < text.Length)
        {
            AddedTokenMatch match = specials.Find(text, start, parseSpecial);
            EncodeCharacters(ids, text, start, match.Start);
            if (match.Token is { } token)
            {
                ids.Add(token.Id);
            }

            start = match.End;
        }
    }

    internal override ReadOnlySpan<byte> BytesOf(int id) => bytes[id];

    internal override bool IsSpecial(int id) => id < specialCount;

    private void EncodeCharacters(List<int> ids, string text, int start, int end)
    {
        int position = start;
        foreach (Rune rune in text.AsSpan(start, end - start).EnumerateRunes())
        {
            ids.Add(this.ids.TryGetValue(rune, out int id) ? id : throw new GimbalException(
                $"{source}: the alphabet lacks {UnicodeText.Describe(rune)}, at position {position} of the text. " +
                "Add it to the alphabet or take it out of the data."));
            position += rune.Utf16SequenceLength;
        }
    }

    private int? AddSpecial(List<AddedToken> specials, string? written)
    {
        if (written is null)
        {
            return null;
        }

        if (written.Length == 0 || specials.Exists(token => token.Content == written))
        {
            throw new GimbalException($"the special token '{written}' is empty or stands for two things.");
        }

        specials.Add(new AddedToken(bytes.Count, written, Special: true));
        bytes.Add(Encoding.UTF8.GetBytes(written));
        return bytes.Count - 1;
    }
}
