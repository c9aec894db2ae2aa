using System.Text.Json;

namespace Gimbal.Models;

/// <summary>
/// Byte-pair encoding as a Hugging Face <c>tokenizer.json</c> describes it: byte-level (GPT-2, cl100k, Llama 3, Qwen) or
/// sentencepiece's with byte fallback (Llama 2). Other formats are converted to that description first.
/// </summary>
public sealed class BpeTokenizer : Tokenizer
{
    private readonly byte[] json;
    private readonly byte[]? config;
    private readonly Func<string, string> normalize;
    private readonly PreTokenizer preTokenizer;
    private readonly BpeModel model;
    private readonly PostProcessor postProcessor;
    private readonly AddedTokens addedRaw, addedNormalized;
    private readonly string?[] names;
    private readonly byte[]?[] bytes;
    private readonly HashSet<int> special;

    private BpeTokenizer(TokenizerJson root, byte[] json, string? folder)
    {
        this.json = json;
        normalize = Normalizer.Parse(root.Object("normalizer"));
        preTokenizer = PreTokenizer.Parse(root.Object("pre_tokenizer"));
        this.model = BpeModel.Parse(root.Object("model") ?? throw root.Fault("has no 'model'."), preTokenizer.ByteLevel);
        postProcessor = PostProcessor.Parse(root.Object("post_processor"));
        List<AddedToken> added = ReadAdded(root);
        VocabularySize = added.Select(token => token.Id + 1).Append(this.model.Size).Max();
        foreach (int id in postProcessor.Prefix.Concat(postProcessor.Suffix).Where(id => id < 0 || id >= VocabularySize))
        {
            throw root.Fault($"adds the id {id} to sequences, outside of the vocabulary of {VocabularySize}.");
        }

        addedRaw = new AddedTokens(added.Where(token => !token.Normalized));
        addedNormalized = new AddedTokens(added.Where(token => token.Normalized)
            .Select(token => token with { Content = normalize(token.Content) }).Where(token => token.Content.Length > 0));
        special = [.. added.Where(token => token.Special).Select(token => token.Id)];

        TokenText text = TokenText.Parse(root, preTokenizer.ByteLevel);
        LeadingSpaces = text.LeadingSpaces;
        (names, bytes) = (new string[VocabularySize], new byte[VocabularySize][]);
        foreach ((string token, int id) in this.model.Vocabulary)
        {
            (names[id], bytes[id]) = (token, text.BytesOf(token, added: false));
        }

        foreach (AddedToken token in added)
        {
            (names[token.Id], bytes[token.Id]) = (token.Content, text.BytesOf(token.Content, added: true));
        }

        Dictionary<string, int> addedIds = added.ToDictionary(token => token.Content, token => token.Id);
        SequenceTokens sequence = SequenceTokens.Find(folder,
            token => addedIds.TryGetValue(token, out int id) ? id : this.model.Find(token), added.Where(token => token.Special));
        (BosId, EosId, PadId) = (sequence.Bos, sequence.Eos, sequence.Pad);
        string? config = folder is null ? null : Path.Combine(folder, SequenceTokens.ConfigFileName);
        this.config = File.Exists(config) ? JsonFile.ReadBytes(config) : null;
    }

    /// <inheritdoc/>
    public override int VocabularySize { get; }

    /// <summary>Reads one <c>tokenizer.json</c>, without regard to the files beside it.</summary>
    /// <exception cref="InvalidFileException">Missing, broken, or of a kind that is not supported.</exception>
    public static BpeTokenizer FromJson(string path) => Parse(path, JsonFile.ReadBytes(path), null, null);

    /// <summary>Reads GPT-2's two files.</summary>
    /// <param name="vocabulary">The <c>vocab.json</c>: an object from token to id.</param>
    /// <param name="merges">The <c>merges.txt</c>: one merge a line, the first may be a <c>#version</c>.</param>
    /// <exception cref="InvalidFileException">Missing, broken, or a merge's token is not in the vocabulary.</exception>
    public static BpeTokenizer FromVocabularyAndMerges(string vocabulary, string merges) =>
        FromVocabularyAndMerges(vocabulary, merges, folder: null);

    /// <summary>Reads tiktoken ranks: lines of <c>base64 rank</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="pattern">The expression that splits words; null: that of cl100k_base.</param>
    /// <param name="specialTokens">Special tokens with their ids; null: those of cl100k_base.</param>
    /// <exception cref="InvalidFileException">Missing or broken.</exception>
    public static BpeTokenizer FromTiktoken(string path, string? pattern = null, IReadOnlyDictionary<string, int>? specialTokens = null) =>
        Parse(path, BpeConversion.FromTiktoken(path, pattern ?? SplitPatterns.Cl100k, specialTokens ?? BpeConversion.Cl100kSpecialTokens), null, null);

    /// <summary>Writes <c>tokenizer.json</c>, as it was read, and <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">An existing folder.</param>
    public override void Save(string folder)
    {
        AtomicFile.Write(Path.Combine(folder, FileName), json);
        AtomicFile.Write(Path.Combine(folder, SequenceTokens.ConfigFileName), config ?? MakeConfig());
    }

    internal static BpeTokenizer FromVocabularyAndMerges(string vocabulary, string merges, string? folder) => Checked(vocabulary,
        () => Parse(vocabulary, BpeConversion.FromVocabularyAndMerges(vocabulary, merges), null, folder));

    /// <summary>Builds a tokenizer from the bytes of its file, which may have been parsed already.</summary>
    internal static BpeTokenizer Parse(string path, byte[] json, JsonElement? root, string? folder) => Checked(path,
        () => new BpeTokenizer(new TokenizerJson(path, "", root ?? JsonFile.ParseObject(path, json)), json, folder));

    private static BpeTokenizer Checked(string path, Func<BpeTokenizer> make)
    {
        try
        {
            return make();
        }
        catch (InvalidOperationException e)
        {
            // What the JSON reader says of an escape like \ud800, which no text can hold.
            throw new InvalidFileException(path, $"holds a text that is not Unicode: {e.Message}", innerException: e);
        }
    }

    private protected override void EncodeTo(List<int> ids, string text, bool addSpecial, bool parseSpecial)
    {
        if (addSpecial)
        {
            ids.AddRange(postProcessor.Prefix);
        }

        for (int start = 0; start < text.Length;)
        {
            AddedTokenMatch match = addedRaw.Find(text, start, parseSpecial);
            if (match.Start > start)
            {
                EncodeNormalized(ids, normalize(text[start..match.Start]), start == 0, parseSpecial);
            }

            AddToken(ids, match.Token);
            start = match.End;
        }

        if (addSpecial)
        {
            ids.AddRange(postProcessor.Suffix);
        }
    }

    internal override ReadOnlySpan<byte> BytesOf(int id) => bytes[id];

    internal override bool IsSpecial(int id) => special.Contains(id);

    internal override int LeadingSpaces { get; }

    private void EncodeNormalized(List<int> ids, string text, bool first, bool parseSpecial)
    {
        for (int start = 0; start < text.Length;)
        {
            AddedTokenMatch match = addedNormalized.Find(text, start, parseSpecial);
            if (match.Start > start)
            {
                string stretch = start == 0 && match.Start == text.Length ? text : text[start..match.Start];
                foreach (Piece piece in preTokenizer.Split(stretch, first && start == 0))
                {
                    model.Encode(piece.Span, ids);
                }
            }

            AddToken(ids, match.Token);
            start = match.End;
        }
    }

    private static void AddToken(List<int> ids, AddedToken? token)
    {
        if (token is not null)
        {
            ids.Add(token.Id);
        }
    }

    private List<AddedToken> ReadAdded(TokenizerJson root)
    {
        Dictionary<int, AddedToken> added = [];
        foreach (TokenizerJson json in root.Objects("added_tokens"))
        {
            string content = json.Text("content") is { Length: > 0 } written ? written : throw json.Fault("has no 'content'.");
            bool special = json.Flag("special", false);
            AddedToken token = new(json.Integer("id"), content, special, json.Flag("normalized", !special), json.Flag("single_word", false),
                json.Flag("lstrip", false), json.Flag("rstrip", false));
            if (token.Id is < 0 or >= BpeModel.IdLimit || !added.TryAdd(token.Id, token))
            {
                throw json.Fault($"'{content}' has the id {token.Id}, which is impossible or given twice.");
            }

            if (model.Find(content) is { } id && id != token.Id)
            {
                throw json.Fault($"'{content}' has the id {token.Id}, but {id} in the vocabulary.");
            }
        }

        return added.Values.DistinctBy(token => token.Content).Count() == added.Count
            ? [.. added.Values]
            : throw root.Fault("has two added tokens that are written alike.");
    }

    private byte[] MakeConfig()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            WriteToken(json, "bos_token", BosId);
            WriteToken(json, "eos_token", EosId);
            WriteToken(json, "pad_token", PadId);
            json.WriteBoolean("clean_up_tokenization_spaces", false);
            json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private void WriteToken(Utf8JsonWriter json, string key, int? id)
    {
        if (id is { } value)
        {
            json.WriteString(key, names[value]);
        }
        else
        {
            json.WriteNull(key);
        }
    }
}
