using System.Text;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class DatasetTests
{
    [Fact]
    public void PromptsWithIdsAndColumns()
    {
        using TemporaryFile file = new("{\"prompt\": \"a\\u00e9\", \"answer\": \"52\", \"level\": 3, \"tags\": [1, \"x\"], \"none\": null}\n"
            + "{\"prompt\": \"b\", \"prompt_ids\": [1, 0, 7]}\n");
        PromptDataset prompts = PromptDataset.FromJsonl(file.Path);
        Assert.Equal(2, prompts.Count);
        Assert.Equal("a\u00e9", prompts[0].Prompt);
        Assert.Null(prompts[0].PromptIds);
        Assert.Equal(new Dictionary<string, string> { ["answer"] = "52", ["level"] = "3", ["tags"] = "[1, \"x\"]" }, prompts[0].Columns);
        Assert.Equal([1, 0, 7], prompts[1].PromptIds!);
        Assert.Empty(prompts[1].Columns!);
    }

    [Fact]
    public void ByteOrderMarkCrlfBlankLinesAndAMissingLastNewlineAreTolerated()
    {
        using TemporaryFile file = new([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("{\"prompt\":\"a\"}\r\n\r\n  \t\r\n{\"prompt\":\"b\"}")]);
        Assert.Equal(["a", "b"], PromptDataset.FromJsonl(file.Path).Select(row => row.Prompt));
    }

    [Fact]
    public void MessagesAreFlattenedByTheTemplate()
    {
        const string user = "{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi\"}";
        const string assistant = "{\"role\":\"assistant\",\"content\":\"Hello\"}";
        using TemporaryFile file = new($"{{\"messages\":[{user},{assistant}]}}\n"
            + $"{{\"prompt\":[{user}],\"completion\":[{assistant}]}}\n"
            + "{\"prompt\":\"p\",\"completion\":\"c\",\"prompt_ids\":[1],\"completion_ids\":[2,3]}\n"
            + "{\"text\":\"all\"}\n"
            + $"{{\"messages\":[{user},{assistant},{{\"role\":\"user\",\"content\":\"More\"}},{assistant}]}}\n");
        CompletionDataset rows = CompletionDataset.FromJsonl(file.Path);
        const string prompt = "Be brief.\n\nUser: Hi\n\nAssistant:";
        Assert.Equal(new CompletionExample(prompt, " Hello"), rows[0] with { Pieces = null });
        Assert.Equal(new CompletionExample(prompt, " Hello"), rows[1]);
        Assert.Equal([1], rows[2].PromptIds!);
        Assert.Equal([2, 3], rows[2].CompletionIds!);
        Assert.Equal(new CompletionExample("", "all"), rows[3]);
        Assert.Equal(prompt + " Hello\n\nUser: More\n\nAssistant:", rows[4].Prompt);

        using TemporaryFile prompts = new($"{{\"messages\":[{user}],\"answer\":\"x\"}}\n");
        Assert.Equal(prompt, PromptDataset.FromJsonl(prompts.Path)[0].Prompt);
        Assert.Equal("x", PromptDataset.FromJsonl(prompts.Path)[0].Columns!["answer"]);
    }

    [Fact]
    public void PreferencesWithTextMessagesAndIds()
    {
        using TemporaryFile file = new("{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\",\"chosen_ids\":[3],\"rejected_ids\":[4,5],\"margin\":1}\n"
            + "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":\"assistant\",\"content\":\"c\"}],\"rejected\":\"r\"}\n");
        PreferenceDataset pairs = PreferenceDataset.FromJsonl(file.Path);
        Assert.Equal(("p", "c", "r"), (pairs[0].Prompt, pairs[0].Chosen, pairs[0].Rejected));
        Assert.Equal([3], pairs[0].ChosenIds!);
        Assert.Equal([4, 5], pairs[0].RejectedIds!);
        Assert.Null(pairs[0].PromptIds);
        Assert.Equal(("User: q\n\nAssistant:", " c"), (pairs[1].Prompt, pairs[1].Chosen));
    }

    [Theory]
    [InlineData("{\"prompt\":\"a\"", "broken JSON")]
    [InlineData("{\"prompt\":\"a\"} {}", "broken JSON")]
    [InlineData("[1]", "the line is a list, expected a JSON object")]
    [InlineData("7", "the line is the number 7, expected a JSON object")]
    [InlineData("{\"question\":\"a\",\"answer\":\"b\"}", "the key 'prompt' is missing; found 'question', 'answer'")]
    [InlineData("{\"prompt\":null}", "the key 'prompt' is missing")]
    [InlineData("{\"prompt\":3}", "'prompt' is the number 3, expected a string or a list of messages")]
    [InlineData("{\"prompt\":[]}", "'prompt' is an empty list, expected a string or a list of messages")]
    [InlineData("{\"prompt\":[{\"role\":\"user\"}]}", "'prompt'[0] is \"{\"role\":\"user\"}\", expected an object with the strings 'role' and 'content'")]
    [InlineData("{\"prompt\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "has role 'tool', expected one of system, user, assistant")]
    [InlineData("{\"prompt\":[{\"role\":\"assistant\",\"content\":\"x\"}]}", "expected the last message to be the user's")]
    [InlineData("{\"prompt\":\"a\",\"prompt_ids\":\"1\"}", "'prompt_ids' is a string, expected a list of token ids")]
    [InlineData("{\"prompt\":\"a\",\"prompt_ids\":[1,-2]}", "'prompt_ids'[1] is -2, expected a token id")]
    [InlineData("{\"prompt\":\"a\",\"prompt_ids\":[1.5]}", "'prompt_ids'[0] is 1.5, expected a token id")]
    [InlineData("{\"prompt\":\"\\ud800\"}", "not valid Unicode")]
    public void BrokenPromptLineIsNamed(string broken, string expected) =>
        AssertFault(path => PromptDataset.FromJsonl(path), "{\"prompt\":\"good\"}\n\n" + broken + "\n", 3, expected);

    [Theory]
    [InlineData("{\"prompt\":\"a\"}", "the key 'completion' is missing; found 'prompt'")]
    [InlineData("{\"answer\":\"a\"}", "expected the keys 'prompt' and 'completion', or 'messages', or 'text'; found 'answer'")]
    [InlineData("{}", "found no keys")]
    [InlineData("{\"text\":{}}", "'text' is an object, expected a string")]
    [InlineData("{\"prompt\":\"a\",\"completion\":true}", "'completion' is true")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "ends with role 'user', expected the last message to be the assistant's")]
    public void BrokenCompletionLineIsNamed(string broken, string expected) =>
        AssertFault(path => CompletionDataset.FromJsonl(path), broken, 1, expected);

    [Theory]
    [InlineData("{\"prompt\":\"a\",\"chosen\":\"b\"}", "the key 'rejected' is missing")]
    [InlineData("{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":[{\"role\":\"user\",\"content\":\"x\"}]}", "expected exactly one assistant message")]
    public void BrokenPreferenceLineIsNamed(string broken, string expected) =>
        AssertFault(path => PreferenceDataset.FromJsonl(path), "\r\n" + broken, 2, expected);

    [Fact]
    public void FileThatIsEmptyAbsentOrNotUtf8IsNamed()
    {
        AssertFault(path => PromptDataset.FromJsonl(path), "\n\n", null, "no rows");
        using TemporaryFile latin = new([.. "{\"prompt\":\"x\"}\n{\"prompt\":\""u8, 0xE9, .. "\"}"u8]);
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => PromptDataset.FromJsonl(latin.Path));
        Assert.Equal(2, error.Line);
        Assert.Contains("UTF-8", error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<InvalidFileException>(() => PromptDataset.FromJsonl("no/such.jsonl")).Message, StringComparison.Ordinal);
        Assert.Throws<GimbalException>(() => new PromptDataset([]));
    }

    [Fact]
    public void RealFilesAreRead()
    {
        PreferenceDataset harmless = PreferenceDataset.FromJsonl(SharedFolder.Require("data/preference/hh_harmless_test_subset.jsonl"));
        Assert.Equal(1433, harmless.Count);
        Assert.EndsWith("Assistant:", harmless[0].Prompt, StringComparison.Ordinal);
        PreferenceDataset stories = PreferenceDataset.FromJsonl(SharedFolder.Require("data/preference/stories260K_sentiment_pairs.jsonl"));
        Assert.Equal(681, stories.Count);
        Assert.All(stories, pair => Assert.Equal(1, pair.PromptIds![0]));
    }

    private static void AssertFault(Action<string> read, string text, int? line, string expected)
    {
        using TemporaryFile file = new(text);
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => read(file.Path));
        Assert.Equal((file.Path, line), (error.Path, error.Line));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
