using System.Text.Json;
using Gimbal.Models;

namespace Gimbal.Tests.Models;

/// <summary>Encodings of published tokenizers, id by id.</summary>
public sealed class TokenizerGoldenTests
{
    [Fact]
    public void SentencepieceBpeWithByteFallback()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Require("data/models/stories260K"));
        JsonElement golden = Golden("tokenizer_tok512.json");
        Assert.Equal((512, 1, 2), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId));
        foreach (JsonElement test in golden.GetProperty("cases").EnumerateArray())
        {
            string text = Text(test, "text");
            int[] ids = Ids(test, "ids_with_bos");
            // The reference takes "<s>" in a text for characters.
            Assert.Equal(ids, tokenizer.Encode(text, parseSpecial: false));
            Assert.Equal(Text(test, "decoded"), tokenizer.Decode(ids));
            Assert.Equal(ids[1..], tokenizer.Encode(text, addSpecial: false, parseSpecial: false));
        }

        foreach (JsonElement story in golden.GetProperty("story_cases").EnumerateArray())
        {
            int[] ids = tokenizer.Encode(Text(story, "text"), addSpecial: false);
            Assert.Equal(Ids(story, "ids_no_bos"), ids);
            Assert.Equal(Text(story, "text"), tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void CompletionsContinueTheirPrompts()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Require("data/models/stories260K"));
        foreach (string line in File.ReadLines(SharedFolder.Require("data/preference/stories260K_sentiment_pairs.jsonl")).Take(100))
        {
            JsonElement pair = JsonDocument.Parse(line).RootElement;
            Assert.Equal(Ids(pair, "prompt_ids"), tokenizer.Encode(Text(pair, "prompt")));
            Assert.Equal(Text(pair, "chosen"), tokenizer.Decode(Ids(pair, "chosen_ids"), continuation: true));
            Assert.Equal(Text(pair, "rejected"), tokenizer.Decode(Ids(pair, "rejected_ids"), continuation: true));
            Assert.Equal(Text(pair, "prompt") + Text(pair, "chosen"),
                tokenizer.Decode([.. Ids(pair, "prompt_ids"), .. Ids(pair, "chosen_ids")]));
        }
    }

    [Fact]
    public void Gpt2()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Require("data/tokenizers/gpt2"));
        JsonElement golden = Golden("tokenizer_gpt2.json");
        Assert.Equal((50257, 50256, 50256), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId));
        AssertCases(tokenizer, golden.GetProperty("cases"));
        AssertLongCase(tokenizer, golden.GetProperty("long_case"));
        Assert.Equal([64, 50256, 65], tokenizer.Encode("a<|endoftext|>b"));
    }

    [Fact]
    public void Cl100k()
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Require("data/tokenizers/cl100k"));
        JsonElement golden = Golden("tokenizer_cl100k.json");
        Assert.Equal(100277, tokenizer.VocabularySize);
        AssertCases(tokenizer, golden.GetProperty("cases"));
        AssertLongCase(tokenizer, golden.GetProperty("long_case"));
        foreach (JsonProperty special in golden.GetProperty("special_tokens").EnumerateObject())
        {
            Assert.Equal([special.Value.GetInt32()], tokenizer.Encode(special.Name));
            Assert.Equal(special.Name, tokenizer.Decode([special.Value.GetInt32()], skipSpecial: false));
            Assert.Equal("", tokenizer.Decode([special.Value.GetInt32()]));
        }
    }

    [Theory]
    [InlineData("file")]
    [InlineData("also")]
    public void SmallByteLevelInBothFormats(string key)
    {
        JsonElement golden = Golden("tokenizer_fixtures.json").GetProperty("hf_tokenizer_json");
        string path = SharedFolder.Require("data/" + Text(golden, key));
        Tokenizer tokenizer = key == "file"
            ? BpeTokenizer.FromJson(path)
            : BpeTokenizer.FromTiktoken(path, specialTokens: new Dictionary<string, int>());
        Assert.Equal(2000, tokenizer.VocabularySize);
        Assert.Equal(Ids(golden, "ids"), tokenizer.Encode(Text(golden, "text")));
        AssertCases(tokenizer, golden.GetProperty("extra_cases"));
    }

    [Fact]
    public void Qwen2ChatWithItsSpecialTokens()
    {
        JsonElement golden = Golden("tokenizer_fixtures.json").GetProperty("qwen2_chat");
        Tokenizer tokenizer = BpeTokenizer.FromJson(SharedFolder.Require("data/" + Text(golden, "tokenizer_json")));
        int[] ids = Ids(golden, "ids");
        Assert.Equal(ids, tokenizer.Encode(Text(golden, "rendered")));
        Assert.Equal(Text(golden, "rendered"), tokenizer.Decode(ids, skipSpecial: false));
        Assert.DoesNotContain("<|im_", tokenizer.Decode(ids));
        Assert.Equal(2003, tokenizer.VocabularySize);
        Assert.DoesNotContain(tokenizer.Encode(Text(golden, "rendered"), parseSpecial: false), id => id >= 2000);
    }

    [Fact]
    public void AMissingSequenceTokenIsNamed()
    {
        // The fixture's tokenizer_config.json names a BOS that its tokenizer.json lacks.
        InvalidFileException fault = Assert.Throws<InvalidFileException>(
            () => Tokenizer.Load(SharedFolder.Require("data/tokenizers/fixtures")));
        Assert.EndsWith("tokenizer_config.json", fault.Path);
        Assert.Contains("<|begin_of_sentence|>", fault.Message);
    }

    [Theory]
    [InlineData("data/models/stories260K")]
    [InlineData("data/tokenizers/gpt2")]
    [InlineData("data/tokenizers/cl100k")]
    public void SavedAndLoadedAgainItEncodesTheSame(string folder)
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Require(folder));
        using TemporaryFolder copy = new();
        tokenizer.Save(copy.Path);
        Tokenizer again = Tokenizer.Load(copy.Path);
        string text = File.ReadAllText(SharedFolder.Require("data/text/tinyshakespeare.txt"))[..5000];
        Assert.Equal(tokenizer.Encode(text), again.Encode(text));
        Assert.Equal((tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.VocabularySize),
            (again.BosId, again.EosId, again.PadId, again.VocabularySize));
    }

    private static void AssertCases(Tokenizer tokenizer, JsonElement cases)
    {
        Assert.True(cases.GetArrayLength() >= 20);
        foreach (JsonElement test in cases.EnumerateArray())
        {
            Assert.Equal(Ids(test, "ids"), tokenizer.Encode(Text(test, "text"), parseSpecial: false));
            Assert.Equal(Text(test, "text"), tokenizer.Decode(Ids(test, "ids")));
        }
    }

    private static void AssertLongCase(Tokenizer tokenizer, JsonElement test)
    {
        string text = File.ReadAllText(SharedFolder.Require("data/" + Text(test, "file")));
        int[] range = Ids(test, "chars");
        Assert.Equal(Ids(test, "ids"), tokenizer.Encode(text[range[0]..range[1]]));
    }

    private static JsonElement Golden(string name) =>
        JsonDocument.Parse(File.ReadAllBytes(SharedFolder.Require("data/golden/" + name))).RootElement;

    private static string Text(JsonElement element, string key) => element.GetProperty(key).GetString()!;

    private static int[] Ids(JsonElement element, string key) =>
        [.. element.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
}
