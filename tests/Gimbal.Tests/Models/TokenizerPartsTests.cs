using System.Text;
using System.Text.Json;
using Gimbal.Models;

namespace Gimbal.Tests.Models;

/// <summary>The steps that a tokenizer is made of, each against its plain definition.</summary>
public sealed class TokenizerPartsTests
{
    [Fact]
    public void MergesEqualTheTextbookLoop()
    {
        Random random = new(3);
        for (int round = 0; round < 300; round++)
        {
            // Few symbols and many merges: ties, overlaps (aaaa) and merges that become possible late.
            int symbols = random.Next(2, 6);
            Dictionary<(int, int), (int Rank, int Id)> merges = [];
            MergeTable table = new(64);
            for (int rank = 0; rank < 30; rank++)
            {
                (int first, int second) = (random.Next(symbols + rank / 2), random.Next(symbols + rank / 2));
                int id = symbols + random.Next(rank + 1);
                merges[(first, second)] = (rank, id);
                table.Add(first, second, rank, id);
            }

            int[] word = [.. Enumerable.Range(0, random.Next(0, 200)).Select(_ => random.Next(symbols))];
            List<int> expected = Textbook(word, merges);
            int count = table.Merge(word);
            Assert.Equal(expected, word[..count]);
        }
    }

    [Fact]
    public void AWordOfAMillionSymbolsIsMerged()
    {
        MergeTable table = new(20);
        for (int rank = 0; rank < 20; rank++)
        {
            table.Add(rank, rank, rank, rank + 1);
        }

        int[] word = new int[1_048_576 + 3];
        Assert.Equal([20, 1, 0], word[..table.Merge(word)]);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("e\u0301a\u0323\u0302", "éậ")]
    [InlineData("a\u0302\u0323", "ậ")]
    [InlineData("\u212B\u2126\u0340", "Å\u1FFA")]
    [InlineData("\u1112\u1161\u11AB\u1100\u1161", "한가")]
    [InlineData("\u0958\u0344", "\u0915\u093C\u0308\u0301")]
    [InlineData("\u0301a\u0301\u0301", "\u0301á\u0301")]
    [InlineData("\uFB01\u2460", "\uFB01\u2460")]
    [InlineData("\U000110A5\U000110BA", "\U000110AB")]
    [InlineData("a\u0300\u05B0\u094D", "à\u094D\u05B0")]
    public void CompositionFollowsTheStandard(string text, string expected)
    {
        Assert.Equal(expected, UnicodeNormalization.Compose(text));
        Assert.Equal(UnicodeNormalization.Compose(text), UnicodeNormalization.Compose(UnicodeNormalization.Decompose(text)));
        Assert.Equal(UnicodeNormalization.Decompose(text), UnicodeNormalization.Decompose(UnicodeNormalization.Compose(text)));
    }

    [Fact]
    public void EveryCharacterSurvivesBothForms()
    {
        // Nothing above U+2FA1D decomposes.
        for (int point = 0; point < 0x30000; point++)
        {
            if (Rune.IsValid(point))
            {
                string text = new Rune(point).ToString(), composed = UnicodeNormalization.Compose(text);
                Assert.Equal(composed, UnicodeNormalization.Compose(composed));
                Assert.Equal(composed, UnicodeNormalization.Compose(UnicodeNormalization.Decompose(text)));
            }
        }
    }

    [Theory]
    [InlineData("""{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Isolated"}""", "ab12c3", "ab|1|2|c|3")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Removed"}""", "ab12c3", "ab|c")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Contiguous"}""", "ab12c3", "ab|12|c|3")]
    [InlineData("""{"type":"Split","pattern":{"String":"-"},"behavior":"MergedWithPrevious"}""", "the-final--countdown", "the-|final-|-|countdown")]
    [InlineData("""{"type":"Split","pattern":{"String":"-"},"behavior":"MergedWithNext"}""", "the-final--countdown", "the|-final|-|-countdown")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Removed","invert":true}""", "a, b!", "a|b")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "a12٣", "a|1|2|٣")]
    [InlineData("""{"type":"Digits"}""", "a12b", "a|12|b")]
    [InlineData("""{"type":"Punctuation"}""", "a,b$", "a|,|b|$")]
    [InlineData("""{"type":"WhitespaceSplit"}""", " a \n b", "a|b")]
    [InlineData("""{"type":"Whitespace"}""", "Hi, you.", "Hi|,|you|.")]
    [InlineData("""{"type":"Metaspace"}""", "a  b", "▁a|▁|▁b")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"never","split":false}""", "a b", "a▁b")]
    [InlineData("""{"type":"ByteLevel"}""", "I'll  go", " I|'ll| | go")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""", "I'll go", "I'll go")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Digits"}]}""", "a1 2b", "a|1|2|b")]
    public void WordsAreCutAsDescribed(string json, string text, string expected) =>
        Assert.Equal(expected.Split('|'), Words(json, text));

    [Theory]
    [InlineData("𝐀𝐛c 𝟏𝟐", "𝐀𝐛c| |𝟏𝟐")]
    [InlineData("𠀀中👍👍!", "𠀀中|👍👍!")]
    [InlineData("x'ſ'S", "x|'ſ|'S")]
    public void LettersOutsideTheBasicPlaneAreLetters(string text, string expected)
    {
        string json = JsonSerializer.Serialize(new { type = "Split", pattern = new { Regex = SplitPatterns.Cl100k } });
        Assert.Equal(expected.Split('|'), Words(json, text));
    }

    [Theory]
    [InlineData("""{"type":"Lowercase"}""", "ÀB", "àb")]
    [InlineData("""{"type":"Strip"}""", " a ", "a")]
    [InlineData("""{"type":"Strip","strip_left":false}""", " a ", " a")]
    [InlineData("""{"type":"Prepend","prepend":"x"}""", "", "")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":" +"},"content":"$0_"}""", "a   b", "a$0_b")]
    [InlineData("""{"type":"NFD"}""", "é", "e\u0301")]
    [InlineData("""{"type":"NFC"}""", "e\u0301", "é")]
    public void TextIsNormalizedAsDescribed(string json, string text, string expected) =>
        Assert.Equal(expected, Normalizer.Parse(Json(json))(text));

    [Fact]
    public void TheByteAlphabetIsReversible()
    {
        for (int value = 0; value < 256; value++)
        {
            Assert.Equal(value, ByteAlphabet.ByteOf(ByteAlphabet.CharacterOf((byte)value)));
        }

        Assert.Equal("ĠaĊ", ByteAlphabet.Write(" a\n"u8));
        Assert.Equal((-1, -1), (ByteAlphabet.ByteOf(' '), ByteAlphabet.ByteOf('▁')));
    }

    private static IEnumerable<string> Words(string json, string text) =>
        PreTokenizer.Parse(Json(json)).Split(text, first: true).Select(piece => piece.Span.ToString());

    private static TokenizerJson Json(string json) => new("test.json", "", JsonDocument.Parse(json).RootElement);

    private static List<int> Textbook(int[] word, Dictionary<(int, int), (int Rank, int Id)> merges)
    {
        List<int> symbols = [.. word];
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (merges.TryGetValue((symbols[i], symbols[i + 1]), out (int Rank, int Id) merge) && merge.Rank < bestRank)
                {
                    (best, bestRank) = (i, merge.Rank);
                }
            }

            if (best < 0)
            {
                return symbols;
            }

            symbols[best] = merges[(symbols[best], symbols[best + 1])].Id;
            symbols.RemoveAt(best + 1);
        }
    }
}
