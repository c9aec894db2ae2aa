using System.Text;
using System.Text.Json;

namespace Gimbal.Models;

/// <summary>Turns text into token ids and back. Safe to use from several threads at once.</summary>
public abstract class Tokenizer
{
    /// <summary>Name of a tokenizer's file in a model folder.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>One more than the largest token id.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Id of the token that begins a sequence, if there is one.</summary>
    public int? BosId { get; private protected init; }

    /// <summary>Id of the token that ends a sequence, if there is one.</summary>
    public int? EosId { get; private protected init; }

    /// <summary>Id of the padding token, if there is one.</summary>
    public int? PadId { get; private protected init; }

    /// <summary>Token ids of <paramref name="text"/>. Lone surrogates count as U+FFFD.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Add what the tokenizer puts around a sequence, commonly BOS in front.</param>
    /// <param name="parseSpecial">
    /// Special tokens written out in the text, such as <c>&lt;|im_end|&gt;</c>, become their ids. False for text of untrusted
    /// origin, where they stay plain characters.
    /// </param>
    /// <exception cref="GimbalException">The text holds a character for which there is no token.</exception>
    public int[] Encode(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 4);
        EncodeTo(ids, UnicodeText.Repair(text), addSpecial, parseSpecial);
        return [.. ids];
    }

    /// <summary>Text of <paramref name="ids"/>. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Token ids; those above the vocabulary, which models may pad, have no text.</param>
    /// <param name="skipSpecial">Leave special tokens out.</param>
    /// <param name="continuation">
    /// The ids continue earlier ones, as a completion its prompt, so that the space in front of a first word stays.
    /// Otherwise sentencepiece's leading space goes.
    /// </param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true, bool continuation = false)
    {
        TokenDecoder decoder = new(this, skipSpecial, continuation);
        StringBuilder text = new(ids.Length * 4);
        foreach (int id in ids)
        {
            decoder.AddTo(text, id);
        }

        decoder.FinishTo(text);
        return text.ToString();
    }

    /// <summary>Writes the tokenizer's files into an existing folder; <see cref="Load"/> gives an equal tokenizer back.</summary>
    public abstract void Save(string folder);

    /// <summary>
    /// Loads the tokenizer of a model folder: <c>tokenizer.json</c> (byte-level or sentencepiece BPE of Hugging Face, or
    /// <see cref="CharacterTokenizer"/>), GPT-2's <c>vocab.json</c> and <c>merges.txt</c>, or <c>cl100k_base.tiktoken</c>.
    /// </summary>
    /// <exception cref="InvalidFileException">No tokenizer there, a broken one, or a kind that is not supported.</exception>
    public static Tokenizer Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string json = Path.Combine(folder, FileName), vocabulary = Path.Combine(folder, "vocab.json");
        string ranks = Path.Combine(folder, "cl100k_base.tiktoken");
        if (File.Exists(json))
        {
            byte[] utf8 = JsonFile.ReadBytes(json);
            JsonElement root = JsonFile.ParseObject(json, utf8);
            return CharacterTokenizer.TryParse(json, root) ?? (Tokenizer)BpeTokenizer.Parse(json, utf8, root, folder);
        }

        if (File.Exists(vocabulary))
        {
            return BpeTokenizer.FromVocabularyAndMerges(vocabulary, Path.Combine(folder, "merges.txt"), folder);
        }

        if (File.Exists(ranks))
        {
            return BpeTokenizer.FromTiktoken(ranks);
        }

        throw new InvalidFileException(folder, $"holds no tokenizer: expected {FileName}, or vocab.json with merges.txt." +
            (File.Exists(Path.Combine(folder, "tokenizer.model")) ? " tokenizer.model must be converted to tokenizer.json first." : ""));
    }

    private protected abstract void EncodeTo(List<int> ids, string text, bool addSpecial, bool parseSpecial);

    /// <summary>The UTF-8 bytes that a token adds to the text; a part of a character where the token is one.</summary>
    internal abstract ReadOnlySpan<byte> BytesOf(int id);

    /// <summary>Whether <c>skipSpecial</c> leaves a token out.</summary>
    internal abstract bool IsSpecial(int id);

    /// <summary>How many spaces the text of a sequence loses at its start.</summary>
    internal virtual int LeadingSpaces => 0;
}
