using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gimbal.Models;

namespace Gimbal.Tests.Models;

public sealed class BpeTokenizerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void ByteLevelGivesBackEveryText()
    {
        BpeTokenizer tokenizer = ByteLevel();
        Random random = new(20260101);
        for (int i = 0; i < 500; i++)
        {
            string text = RandomText(random, i % 60);
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        }

        Assert.Equal("a\uFFFDb", tokenizer.Decode(tokenizer.Encode("a\uD800b")));
    }

    [Fact]
    public void SentencepieceGivesBackEveryText()
    {
        Tokenizer tokenizer = Load(Sentencepiece());
        Random random = new(7);
        for (int i = 0; i < 500; i++)
        {
            // The mark itself cannot be told from a space.
            string text = RandomText(random, i % 60).Replace('▁', '_');
            int[] ids = tokenizer.Encode(text, parseSpecial: false);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal(text.Length == 0 ? "" : " " + text, tokenizer.Decode(ids, continuation: true));
        }
    }

    [Fact]
    public void StreamingEqualsDecodingAtOnce()
    {
        Random random = new(11);
        foreach (Tokenizer tokenizer in new Tokenizer[] { ByteLevel(), Load(Sentencepiece()), new CharacterTokenizer("ab👍é ") })
        {
            for (int i = 0; i < 300; i++)
            {
                // Any ids: mostly broken UTF-8, and some above the vocabulary.
                int[] ids = [.. Enumerable.Range(0, i % 20).Select(_ => random.Next(tokenizer.VocabularySize + 2))];
                bool skip = i % 2 == 0, continuation = i % 3 == 0;
                TokenDecoder decoder = new(tokenizer, skip, continuation);
                StringBuilder text = new();
                foreach (int id in ids)
                {
                    string part = decoder.Add(id);
                    Assert.False(part.Length > 0 && char.IsHighSurrogate(part[^1]), "a character was split");
                    text.Append(part);
                }

                text.Append(decoder.Finish());
                Assert.Equal(tokenizer.Decode(ids, skip, continuation), text.ToString());
            }
        }
    }

    [Fact]
    public void ACharacterComesOutWithItsLastByte()
    {
        BpeTokenizer tokenizer = ByteLevel();
        int[] ids = tokenizer.Encode("👍é");
        Assert.Equal(6, ids.Length);
        TokenDecoder decoder = new(tokenizer);
        Assert.Equal(["", "", "", "👍", "", "é"], ids.Select(decoder.Add));
        Assert.Equal("", decoder.Finish());
        decoder = new TokenDecoder(tokenizer);
        Assert.Equal("", decoder.Add(ids[0]));
        Assert.Equal("\uFFFD", decoder.Finish());
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
    }

    [Fact]
    public void FirstSpaceOfACompletionStays()
    {
        Tokenizer tokenizer = Load(Sentencepiece());
        int[] ids = tokenizer.Encode("the cat", addSpecial: false);
        Assert.Equal("the cat", tokenizer.Decode(ids));
        Assert.Equal(" the cat", tokenizer.Decode(ids, continuation: true));
        Assert.Equal("the cat", tokenizer.Decode(tokenizer.Encode("the cat")));
        Assert.Equal("  x", tokenizer.Decode(tokenizer.Encode("  x")));
    }

    [Fact]
    public void AddedTokensAreFoundInTheText()
    {
        JsonObject json = Sentencepiece();
        AddToken(json, 400, "<a>", special: true);
        AddToken(json, 401, "<a><b>", special: true);
        AddToken(json, 402, "<strip>", special: true, ("lstrip", true), ("rstrip", true));
        AddToken(json, 403, "word", special: false, ("single_word", true), ("normalized", false));
        Tokenizer tokenizer = Load(json);
        Assert.Equal(404, tokenizer.VocabularySize);
        Assert.Equal([401, 400], Added("<a><b><a>"));
        Assert.Equal([402], tokenizer.Encode("  \n<strip>  ", addSpecial: false));
        Assert.Equal([403], Added("a word."));
        Assert.Empty(Added("swords word_ words"));
        Assert.Equal("<strip>", tokenizer.Decode([402], skipSpecial: false));
        // Plain added tokens are vocabulary, not control: they are found either way.
        Assert.Equal([403], Added("<a> word", parseSpecial: false));

        int[] Added(string text, bool parseSpecial = true) =>
            [.. tokenizer.Encode(text, addSpecial: false, parseSpecial).Where(id => id >= 400)];
    }

    [Fact]
    public void NormalizedAddedTokensAreFoundInTheNormalizedText()
    {
        JsonObject json = Sentencepiece();
        json["normalizer"] = new JsonObject { ["type"] = "Lowercase" };
        AddToken(json, 400, "Name", special: false, ("normalized", true));
        AddToken(json, 401, "Raw", special: false, ("normalized", false));
        Tokenizer tokenizer = Load(json);
        Assert.Equal([400, 400, 401], tokenizer.Encode("nameNAMERawRAW", addSpecial: false).Where(id => id >= 400));
    }

    [Fact]
    public void TemplatesStandAroundTheSequence()
    {
        JsonObject json = Sentencepiece();
        json["post_processor"] = JsonNode.Parse(
            """
            {"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing",
             "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
             "special_tokens":{"<s>":{"ids":[1]},"</s>":{"ids":[2]}}}]}
            """);
        Tokenizer tokenizer = Load(json);
        Assert.Equal([1, 2], tokenizer.Encode(""));
        int[] ids = tokenizer.Encode("a");
        Assert.Equal((1, 2), (ids[0], ids[^1]));
        Assert.Equal(ids[1..^1], tokenizer.Encode("a", addSpecial: false));
    }

    [Fact]
    public void UnknownCharactersFuseOnlyIfAsked()
    {
        JsonObject json = Sentencepiece(byteFallback: false);
        Assert.Equal([3, 0, 4], Load(json).Encode("éüa", addSpecial: false)[..3]);
        json["model"]!["fuse_unk"] = false;
        Assert.Equal([3, 0, 0, 4], Load(json).Encode("éüa", addSpecial: false)[..4]);
        json["model"]!["unk_token"] = null;
        GimbalException fault = Assert.Throws<GimbalException>(() => Load(json).Encode("aéü"));
        Assert.Contains("'é' (U+00E9)", fault.Message);
        Assert.Contains("tokenizer.json", fault.Message);
    }

    [Fact]
    public void SequenceTokensComeFromTheFolder()
    {
        JsonObject json = Sentencepiece();
        Assert.Equal((1, 2, null), Tokens());
        folder.Write("config.json", """{"bos_token_id":2,"eos_token_id":[1,2],"pad_token_id":0}""");
        Assert.Equal((2, 1, 0), Tokens());
        folder.Write("special_tokens_map.json", """{"bos_token":"<s>","pad_token":{"content":"<unk>"}}""");
        Assert.Equal((1, null, 0), Tokens());
        folder.Write("tokenizer_config.json", """{"bos_token":null,"eos_token":{"content":"</s>"},"chat_template":"x"}""");
        Assert.Equal((null, 2, null), Tokens());
        using TemporaryFolder copy = new();
        Load(json).Save(copy.Path);
        Assert.Contains("chat_template", File.ReadAllText(copy.File("tokenizer_config.json")));
        folder.Write("tokenizer_config.json", """{"eos_token":7}""");
        Assert.Contains("'eos_token'", Assert.Throws<InvalidFileException>(() => Load(json)).Message);

        (int?, int?, int?) Tokens() => Load(json) is { } tokenizer ? (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId) : default;
    }

    /// <summary>Where in the description, what stands there instead, a part of the message.</summary>
    public static TheoryData<string, string, string> Unsupported => new()
    {
        { "model.type", "\"Unigram\"", "'Unigram'" },
        { "model.vocab", "null", "'vocab'" },
        { "model.vocab", """{"a":0,"b":0}""", "id 0 twice" },
        { "model.vocab", """{"a":-1}""", "-1" },
        { "model.vocab", """{"a":999999999}""", "999999999" },
        { "model.merges", "7", "'merges'" },
        { "model.merges", """["a b c"]""", "merge 0" },
        { "model.merges", """["a t"]""", "'at' for merge 0" },
        { "model.merges", """[["▁","zz"]]""", "'zz' for merge 0" },
        { "model.unk_token", "\"<none>\"", "'<none>'" },
        { "model.end_of_word_suffix", "\"</w>\"", "'</w>'" },
        { "normalizer", """{"type":"Precompiled"}""", "'Precompiled'" },
        { "normalizer", """{"type":"Replace","pattern":{"Regex":"("},"content":""}""", "expression (" },
        { "pre_tokenizer", """{"type":"BertPreTokenizer"}""", "'BertPreTokenizer'" },
        { "pre_tokenizer", """{"type":"Split","pattern":{"String":"a"},"behavior":"Sideways"}""", "'Sideways'" },
        { "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}""", "pretokenizers[1]" },
        { "decoder", """{"type":"WordPiece"}""", "'WordPiece'" },
        { "decoder", "null", "'decoder'" },
        { "decoder", """{"type":"Strip","content":" ","start":1,"stop":0}""", "Fuse" },
        { "post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>"}},{"Sequence":{"id":"A"}}]}""", "'<x>'" },
        { "post_processor", """{"type":"TemplateProcessing","single":[]}""", "Sequence" },
        { "post_processor", """{"type":"RobertaProcessing","cls":["<s>",1],"sep":["</s>",7777]}""", "7777" },
        { "added_tokens", """[{"id":5,"content":"<s>"}]""", "'<s>'" },
        { "added_tokens", """[{"id":-5,"content":"<z>"}]""", "-5" },
        { "added_tokens", """[{"content":"<z>"}]""", "'id'" },
        { "added_tokens", """["<z>"]""", "added_tokens[0]" },
        { "model", "null", "'model'" },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void WhatIsNotSupportedIsNamed(string place, string value, string message)
    {
        JsonObject json = Sentencepiece();
        JsonObject parent = json;
        string[] keys = place.Split('.');
        foreach (string key in keys[..^1])
        {
            parent = parent[key]!.AsObject();
        }

        parent[keys[^1]] = JsonNode.Parse(value);
        InvalidFileException fault = Assert.Throws<InvalidFileException>(() => Load(json));
        Assert.Equal(folder.File("tokenizer.json"), fault.Path);
        Assert.Contains(message, fault.Message);
    }

    [Fact]
    public void UnreadableFilesAreRefused()
    {
        Assert.Contains("holds no tokenizer", Assert.Throws<InvalidFileException>(() => Tokenizer.Load(folder.Path)).Message);
        folder.Write("tokenizer.model", "");
        Assert.Contains("converted", Assert.Throws<InvalidFileException>(() => Tokenizer.Load(folder.Path)).Message);
        folder.Write("tokenizer.json", "{");
        Assert.Contains("not valid JSON", Assert.Throws<InvalidFileException>(() => Tokenizer.Load(folder.Path)).Message);
        folder.Write("tokenizer.json", """{"model":{"vocab":{"\ud800":0},"merges":[]}}""");
        Assert.Contains("not Unicode", Assert.Throws<InvalidFileException>(() => Tokenizer.Load(folder.Path)).Message);
    }

    [Fact]
    public void AnyDamageIsHarmlessOrNamed()
    {
        byte[] whole = Encoding.UTF8.GetBytes(Sentencepiece(byteFallback: false).ToJsonString());
        Random random = new(9);
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] damaged = [.. whole];
            damaged[random.Next(damaged.Length)] = (byte)random.Next(0x20, 0x7F);
            folder.Write("tokenizer.json", damaged);
            try
            {
                Tokenizer tokenizer = Tokenizer.Load(folder.Path);
                tokenizer.Decode(tokenizer.Encode("the cat </s> é"));
            }
            catch (GimbalException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 1499);
    }

    [Fact]
    public void BrokenMergesAndRanksNameTheirLine()
    {
        string vocabulary = folder.Write("vocab.json", """{"a":0,"b":1,"ab":2}""");
        AssertLine(3, "'abb'", () => BpeTokenizer.FromVocabularyAndMerges(vocabulary, folder.Write("merges.txt", "#version: 0.2\na b\nab b\n")));
        AssertLine(1, "'a'", () => BpeTokenizer.FromVocabularyAndMerges(vocabulary, folder.Write("merges.txt", "a\n")));
        AssertLine(2, "base64", () => BpeTokenizer.FromTiktoken(folder.Write("x.tiktoken", "YQ== 0\nYg==\n")));
        AssertLine(2, "once", () => BpeTokenizer.FromTiktoken(folder.Write("x.tiktoken", "YQ== 0\nYQ== 1\n")));
        AssertLine(1, "base64", () => BpeTokenizer.FromTiktoken(folder.Write("x.tiktoken", "*** 0\n")));
        Assert.Throws<InvalidFileException>(() => BpeTokenizer.FromVocabularyAndMerges(vocabulary, folder.File("absent.txt")));

        static void AssertLine(int line, string message, Action action)
        {
            InvalidFileException fault = Assert.Throws<InvalidFileException>(action);
            Assert.Equal(line, fault.Line);
            Assert.Contains(message, fault.Message);
        }
    }

    // All bytes, and merges that cross characters of several bytes.
    private BpeTokenizer ByteLevel()
    {
        string[] merges = ["t h", "th e", "Ġ the", "Ã ©", "ð Ł", "Ġ Ġ"];
        Dictionary<string, int> vocabulary = [];
        for (int value = 0; value < 256; value++)
        {
            vocabulary.Add(ByteAlphabet.CharacterOf((byte)value).ToString(), value);
        }

        foreach (string merge in merges.Where(merge => merge is not ("Ã ©" or "ð Ł")))
        {
            vocabulary.Add(merge.Replace(" ", ""), vocabulary.Count);
        }

        string file = folder.Write("vocab.json", JsonSerializer.Serialize(vocabulary));
        return BpeTokenizer.FromVocabularyAndMerges(file,
            folder.Write("merges.txt", string.Join('\n', merges.Where(merge => vocabulary.ContainsKey(merge.Replace(" ", ""))))));
    }

    private Tokenizer Load(JsonObject json)
    {
        folder.Write("tokenizer.json", json.ToJsonString());
        return Tokenizer.Load(folder.Path);
    }

    // <unk> <s> </s> ▁ a t h e c ▁t ▁th ▁the, then the bytes.
    private static JsonObject Sentencepiece(bool byteFallback = true)
    {
        JsonObject vocabulary = [];
        foreach (string token in new[] { "<unk>", "<s>", "</s>", "▁", "a", "t", "h", "e", "c", "▁t", "▁th", "▁the" })
        {
            vocabulary[token] = vocabulary.Count;
        }

        for (int value = 0; value < 256 && byteFallback; value++)
        {
            vocabulary[$"<0x{value:X2}>"] = vocabulary.Count;
        }

        JsonObject json = JsonNode.Parse(
            """
            {"added_tokens":[],
             "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
             "pre_tokenizer":null,
             "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}},
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
             "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"merges":["▁ t",["▁t","h"],"▁th e"]}}
            """)!.AsObject();
        json["model"]!["vocab"] = vocabulary;
        json["model"]!["byte_fallback"] = byteFallback;
        AddToken(json, 0, "<unk>", special: true);
        AddToken(json, 1, "<s>", special: true);
        AddToken(json, 2, "</s>", special: true);
        return json;
    }

    private static void AddToken(JsonObject json, int id, string content, bool special, params (string Key, bool Value)[] flags)
    {
        JsonObject token = new() { ["id"] = id, ["content"] = content, ["special"] = special };
        foreach ((string key, bool value) in flags)
        {
            token[key] = value;
        }

        json["added_tokens"]!.AsArray().Add((JsonNode)token);
    }

    private static string RandomText(Random random, int length)
    {
        StringBuilder text = new();
        for (int i = 0; i < length; i++)
        {
            int point = random.Next(4) switch
            {
                0 => random.Next(0x20, 0x7F),
                1 => " the\n\t'"[random.Next(7)],
                2 => random.Next(0x10000),
                _ => random.Next(0x110000),
            };
            text.Append(Rune.IsValid(point) ? new Rune(point).ToString() : "s");
        }

        return text.ToString();
    }
}
