using System.Buffers;

namespace Gimbal.Models;

/// <summary>A token that is found in the text itself, before anything else is done to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is written.</param>
/// <param name="Special">Controls the model rather than being text; decoding may leave it out.</param>
/// <param name="Normalized">It is looked for in the normalized text.</param>
/// <param name="SingleWord">It counts only where no word character touches it.</param>
/// <param name="StripLeft">It swallows the white space before it.</param>
/// <param name="StripRight">It swallows the white space behind it.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool Normalized = false, bool SingleWord = false,
    bool StripLeft = false, bool StripRight = false);

/// <summary>A token found at [Start, End), or, without a token, the end of the text in both.</summary>
internal readonly record struct AddedTokenMatch(AddedToken? Token, int Start, int End);

/// <summary>Finds added tokens in a text: the leftmost, and among those that begin there the longest.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<char, AddedToken[]> byFirst;
    private readonly SearchValues<char> firsts;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        byFirst = tokens.GroupBy(token => token.Content[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(token => token.Content.Length).ToArray());
        firsts = SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>The next token at or behind <paramref name="start"/>.</summary>
    public AddedTokenMatch Find(string text, int start, bool parseSpecial)
    {
        for (int at = start; at < text.Length; at++)
        {
            int step = text.AsSpan(at).IndexOfAny(firsts);
            if (step < 0)
            {
                break;
            }

            at += step;
            foreach (AddedToken token in byFirst[text[at]])
            {
                if ((parseSpecial || !token.Special) && string.CompareOrdinal(text, at, token.Content, 0, token.Content.Length) == 0 &&
                    (!token.SingleWord || IsWordOfItsOwn(text, at, at + token.Content.Length)))
                {
                    return Stretch(token, text, start, at);
                }
            }
        }

        return new AddedTokenMatch(null, text.Length, text.Length);
    }

    private static AddedTokenMatch Stretch(AddedToken token, string text, int limit, int start)
    {
        int end = start + token.Content.Length;
        while (token.StripLeft && start > limit && char.IsWhiteSpace(text[start - 1]))
        {
            start--;
        }

        while (token.StripRight && end < text.Length && char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        return new AddedTokenMatch(token, start, end);
    }

    private static bool IsWordOfItsOwn(string text, int start, int end) =>
        (start == 0 || !IsWordCharacter(text[start - 1])) && (end == text.Length || !IsWordCharacter(text[end]));

    private static bool IsWordCharacter(char character) => char.IsLetterOrDigit(character) || character == '_';
}
