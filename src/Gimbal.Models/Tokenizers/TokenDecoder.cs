using System.Text;

namespace Gimbal.Models;

/// <summary>
/// Decodes tokens one by one, for streaming. What <see cref="Add"/> returns, joined, and <see cref="Finish"/> at the end
/// equal <see cref="Tokenizer.Decode"/> of all ids: a character that is spread over several tokens comes out with its last.
/// </summary>
public sealed class TokenDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _text = new();
    private char[] _buffer = new char[64];
    private int _leadingSpaces;

    /// <summary>A decoder at the start of a text.</summary>
    /// <param name="tokenizer">Whose tokens they are.</param>
    /// <param name="skipSpecial">Leave special tokens out.</param>
    /// <param name="continuation">The tokens continue earlier ones, so that the space in front of a first word stays.</param>
    public TokenDecoder(Tokenizer tokenizer, bool skipSpecial = true, bool continuation = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_tokenizer, _skipSpecial) = (tokenizer, skipSpecial);
        _leadingSpaces = continuation ? 0 : tokenizer.LeadingSpaces;
    }

    /// <summary>Takes the next token and returns the text that is now certain; empty while a character is incomplete.</summary>
    public string Add(int id)
    {
        AddTo(_text.Clear(), id);
        return _text.ToString();
    }

    /// <summary>Ends the text: returns U+FFFD for a character that stayed incomplete, else nothing.</summary>
    public string Finish()
    {
        FinishTo(_text.Clear());
        return _text.ToString();
    }

    internal void AddTo(StringBuilder text, int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        if (id >= _tokenizer.VocabularySize || (_skipSpecial && _tokenizer.IsSpecial(id)))
        {
            return;
        }

        ReadOnlySpan<byte> bytes = _tokenizer.BytesOf(id);
        while (_leadingSpaces > 0 && bytes.Length > 0)
        {
            _leadingSpaces = bytes[0] == ' ' ? _leadingSpaces - 1 : 0;
            bytes = bytes[0] == ' ' ? bytes[1..] : bytes;
        }

        Append(text, bytes, flush: false);
    }

    internal void FinishTo(StringBuilder text) => Append(text, [], flush: true);

    private void Append(StringBuilder text, ReadOnlySpan<byte> bytes, bool flush)
    {
        // One byte may complete a surrogate pair and report a broken sequence before it.
        if (_buffer.Length < bytes.Length + 4)
        {
            _buffer = new char[bytes.Length * 2];
        }

        text.Append(_buffer, 0, _utf8.GetChars(bytes, _buffer, flush));
    }
}
