using System.Text;

namespace Gimbal.Models;

/// <summary>
/// Decodes tokens one by one, for streaming. What <see cref="Add"/> returns, joined, and <see cref="Finish"/> at the end
/// equal <see cref="Tokenizer.Decode"/> of all ids: a character that is spread over several tokens comes out with its last.
/// </summary>
public sealed class TokenDecoder
{
    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecial;
    private readonly Decoder utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder text = new();
    private char[] buffer = new char[64];
    private int leadingSpaces;

    /// <summary>A decoder at the start of a text.</summary>
    /// <param name="tokenizer">Whose tokens they are.</param>
    /// <param name="skipSpecial">Leave special tokens out.</param>
    /// <param name="continuation">The tokens continue earlier ones, so that the space in front of a first word stays.</param>
    public TokenDecoder(Tokenizer tokenizer, bool skipSpecial = true, bool continuation = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (this.tokenizer, this.skipSpecial) = (tokenizer, skipSpecial);
        leadingSpaces = continuation ? 0 : tokenizer.LeadingSpaces;
    }

    /// <summary>Takes the next token and returns the text that is now certain; empty while a character is incomplete.</summary>
    public string Add(int id)
    {
        AddTo(text.Clear(), id);
        return text.ToString();
    }

    /// <summary>Ends the text: returns U+FFFD for a character that stayed incomplete, else nothing.</summary>
    public string Finish()
    {
        FinishTo(text.Clear());
        return text.ToString();
    }

    internal void AddTo(StringBuilder text, int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        if (id >= tokenizer.VocabularySize || (skipSpecial && tokenizer.IsSpecial(id)))
        {
            return;
        }

        ReadOnlySpan<byte> bytes = tokenizer.BytesOf(id);
        while (leadingSpaces > 0 && bytes.Length > 0)
        {
            leadingSpaces = bytes[0] == ' ' ? leadingSpaces - 1 : 0;
            bytes = bytes[0] == ' ' ? bytes[1..] : bytes;
        }

        Append(text, bytes, flush: false);
    }

    internal void FinishTo(StringBuilder text) => Append(text, [], flush: true);

    private void Append(StringBuilder text, ReadOnlySpan<byte> bytes, bool flush)
    {
        // One byte may complete a surrogate pair and report a broken sequence before it.
        if (buffer.Length < bytes.Length + 4)
        {
            buffer = new char[bytes.Length * 2];
        }

        text.Append(buffer, 0, utf8.GetChars(bytes, buffer, flush));
    }
}
