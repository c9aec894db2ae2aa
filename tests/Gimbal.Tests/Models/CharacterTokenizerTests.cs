using Gimbal.Models;

namespace Gimbal.Tests.Models;

public sealed class CharacterTokenizerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void SpecialsComeFirstThenTheAlphabet()
    {
        CharacterTokenizer tokenizer = new("0123456789+=");
        Assert.Equal((15, 0, 1, 2), (tokenizer.VocabularySize, tokenizer.PadId, tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([1, 4, 5, 13, 12, 14], tokenizer.Encode("12+9="));
        Assert.Equal([4, 5], tokenizer.Encode("12", addSpecial: false));
        Assert.Equal("12+9=", tokenizer.Decode([1, 4, 5, 13, 12, 14, 2, 0, 0]));
        Assert.Equal("<bos>1<eos><pad>", tokenizer.Decode([1, 4, 2, 0], skipSpecial: false));
        Assert.Equal([4, 2, 5], tokenizer.Encode("1<eos>2", addSpecial: false));
        Assert.Equal("", tokenizer.Decode(tokenizer.Encode("")));
    }

    [Fact]
    public void SpecialsMayBeAbsent()
    {
        CharacterTokenizer tokenizer = new("ab", pad: null, bos: null, eos: ";");
        Assert.Equal((3, null, null, 0), (tokenizer.VocabularySize, tokenizer.PadId, tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([1, 2], tokenizer.Encode("ab"));
    }

    [Fact]
    public void SaveAndLoadGiveTheSameTokenizer()
    {
        CharacterTokenizer tokenizer = new("a\"\\\n é👍+", pad: null, eos: "<|end|>");
        tokenizer.Save(folder.Path);
        CharacterTokenizer again = Assert.IsType<CharacterTokenizer>(Tokenizer.Load(folder.Path));
        Assert.Equal((tokenizer.Alphabet, tokenizer.VocabularySize), (again.Alphabet, again.VocabularySize));
        Assert.Equal((null, 0, 1), (again.PadId, again.BosId, again.EosId));
        Assert.Equal(tokenizer.Encode("👍 é\n<|end|>a"), again.Encode("👍 é\n<|end|>a"));
        Assert.Equal("👍 é\na", again.Decode(again.Encode("👍 é\n<|end|>a")));
    }

    [Fact]
    public void ALackingCharacterIsNamedWithItsPlace()
    {
        new CharacterTokenizer("0123456789+=").Save(folder.Path);
        GimbalException fault = Assert.Throws<GimbalException>(() => Tokenizer.Load(folder.Path).Encode("12👍-7"));
        Assert.Contains(folder.File("tokenizer.json"), fault.Message);
        Assert.Contains("'👍' (U+1F44D), at position 2", fault.Message);
        fault = Assert.Throws<GimbalException>(() => Tokenizer.Load(folder.Path).Encode("12+\n"));
        Assert.Contains("U+000A, at position 3", fault.Message);
        Assert.Throws<GimbalException>(() => new CharacterTokenizer("0123").Encode("<pad>", parseSpecial: false));
    }

    [Theory]
    [InlineData("""{"type":"gimbal_character"}""", "'alphabet'")]
    [InlineData("""{"type":"gimbal_character","alphabet":""}""", "empty")]
    [InlineData("""{"type":"gimbal_character","alphabet":"aba"}""", "'a' (U+0061) twice")]
    [InlineData("""{"type":"gimbal_character","alphabet":"ab","pad":"x","eos":"x"}""", "'x'")]
    [InlineData("""{"type":"gimbal_character","alphabet":"ab","bos":7}""", "'bos'")]
    [InlineData("""{"type":"gimbal_character","alphabet":["a"]}""", "'alphabet'")]
    public void BrokenFilesAreRefused(string json, string message)
    {
        folder.Write("tokenizer.json", json);
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => Tokenizer.Load(folder.Path));
        Assert.Equal(folder.File("tokenizer.json"), fault.Path);
        Assert.Contains(message, fault.Message);
    }
}
