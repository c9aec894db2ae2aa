using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Gimbal.Models;

/// <summary>What tokenizers need of Unicode beyond the framework.</summary>
internal static class UnicodeText
{
    /// <summary>The text with lone surrogates, which no UTF-8 has, replaced by U+FFFD.</summary>
    public static string Repair(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        StringBuilder repaired = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            repaired.Append(rune.ToString());
        }

        return repaired.ToString();
    }

    /// <summary>How a character appears in a message: itself and its code point.</summary>
    public static string Describe(Rune rune) =>
        Rune.IsControl(rune) ? $"U+{rune.Value:X4}" : $"'{rune}' (U+{rune.Value:X4})";

    /// <summary>
    /// Ranges of the matches of <paramref name="regex"/> in <paramref name="text"/>. .NET's classes see UTF-16 units, so that
    /// <c>\p{L}</c> fails on letters outside the basic plane, which other engines match. Those characters are replaced by one
    /// basic character of the same category for the search.
    /// </summary>
    public static void FindMatches(Regex regex, ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            foreach (ValueMatch match in regex.EnumerateMatches(text))
            {
                matches.Add((match.Index, match.Index + match.Length));
            }

            return;
        }

        char[] shadow = new char[text.Length];
        int[] origin = new int[text.Length + 1];
        int length = 0, position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            (shadow[length], origin[length]) = (rune.IsBmp ? (char)rune.Value : Representative(Rune.GetUnicodeCategory(rune)), position);
            length++;
            position += rune.Utf16SequenceLength;
        }

        origin[length] = position;
        foreach (ValueMatch match in regex.EnumerateMatches(shadow.AsSpan(0, length)))
        {
            matches.Add((origin[match.Index], origin[match.Index + match.Length]));
        }
    }

    // Rare characters, so that no pattern names one of them.
    private static char Representative(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\uA722',
        UnicodeCategory.LowercaseLetter => '\uA723',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA717',
        UnicodeCategory.OtherLetter => '\uA6A0',
        UnicodeCategory.NonSpacingMark => '\uA66F',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\uA620',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.ConnectorPunctuation => '\uFE33',
        UnicodeCategory.DashPunctuation => '\uFE58',
        UnicodeCategory.OpenPunctuation => '\uFE17',
        UnicodeCategory.ClosePunctuation => '\uFE18',
        UnicodeCategory.InitialQuotePunctuation => '\u2E02',
        UnicodeCategory.FinalQuotePunctuation => '\u2E03',
        UnicodeCategory.OtherPunctuation => '\uA60D',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\uA828',
        UnicodeCategory.Format => '\uFFF9',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\uFFFE',
    };
}
