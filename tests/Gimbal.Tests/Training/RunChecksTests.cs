using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>Findings about tokens and rewards before a run.</summary>
public sealed class RunChecksTests : IDisposable
{
    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    [Fact]
    public void An_end_token_that_is_missing_or_the_pad_token_is_found()
    {
        Assert.Empty(RunChecks.EndToken(subject.Model()));
        using LanguageModel endless = Model(new CharacterTokenizer("01+=", bos: null, eos: null), null);
        Finding missing = Assert.Single(RunChecks.EndToken(endless));
        Assert.Equal((FindingLevel.Fault, "model.path"), (missing.Level, missing.Where));
        CharacterTokenizer tokenizer = new("01+=", bos: null, pad: null);
        using LanguageModel padded = Model(tokenizer, tokenizer.EosId);
        Assert.Contains("pad token is the end token", Assert.Single(RunChecks.EndToken(padded)).What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_across_the_boundary_is_found_where_it_is()
    {
        using LanguageModel model = Model(Merging(), null);
        CompletionExample[] rows = [new("b", "a"), new("a", "b"), new("b", "b"), new("a", "b", [0], [1])];
        Finding finding = Assert.Single(RunChecks.Examples(model, rows, 0, row => $"data:{row + 1}"), finding => finding.What.Contains("boundary", StringComparison.Ordinal));
        Assert.Equal("data:2", finding.Where);
        Assert.Contains("1 of 4 rows", finding.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Token_ids_without_an_end_are_found()
    {
        LanguageModel model = subject.Model();
        CompletionExample[] rows = [new("1+1=", "2"), new("1+1=", "2", null, [4]), new("1+1=", "2", null, [4, model.EndIds[0]])];
        Finding finding = Assert.Single(RunChecks.Examples(model, rows, 0, row => $"line {row + 1}"));
        Assert.Equal("line 2", finding.Where);
        Assert.Contains("1 of 3 rows", finding.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_that_leave_no_room_are_counted()
    {
        PromptExample[] prompts = [new("1+1="), new("11111+11111=")];
        Assert.Contains("1 of 2 rows", Assert.Single(RunChecks.Prompts(subject.Model(), prompts, 6, row => $"row {row}")).What, StringComparison.Ordinal);
        Assert.Empty(RunChecks.Prompts(subject.Model(), prompts, 4, row => $"row {row}"));
    }

    [Fact]
    public void The_reward_is_tried_on_groups()
    {
        IReward half = Reward.Create(s => s.Prompt.StartsWith('0') ? 1f : s.CompletionIds.Span[0] + s.CompletionIds.Span[^1]);
        PromptExample[] prompts = [subject.Prompts[0], subject.Prompts[1], subject.Prompts[2]];
        Finding[] found = [.. Check(half)];
        Assert.Equal([FindingLevel.Note, FindingLevel.Note], found.Select(finding => finding.Level));
        Assert.Contains("forecast: 33% of groups", found[1].What, StringComparison.Ordinal);
        Assert.Equal([FindingLevel.Fault, FindingLevel.Warning], Check(Reward.Create(_ => 1f)).Select(finding => finding.Level));
        Assert.Contains("no column 'answr'", Assert.Single(Check(Reward.Exact("answr"))).What, StringComparison.Ordinal);
        Assert.Contains("no score for 8 of 24", Check(Reward.Create(s => s.Prompt.StartsWith('0') ? null : s.CompletionIds.Span[0])).First().What, StringComparison.Ordinal);

        IEnumerable<Finding> Check(IReward reward) => RunChecks.Rewards(subject.Model(), prompts, reward, TrainerSubject.Sampling, 1, 8);
    }

    private LanguageModel Model(Tokenizer tokenizer, int? pad) => new(new ModelConfig
    {
        Family = ModelFamily.Llama, VocabularySize = tokenizer.VocabularySize, HiddenSize = 8, IntermediateSize = 8, Layers = 1, QueryHeads = 1, KeyValueHeads = 1,
        HeadDim = 8, MaxPositions = 16, PadTokenId = pad,
    }, tokenizer, subject.Device);

    /// <summary>A byte-level tokenizer of a, b and their merge.</summary>
    private static Tokenizer Merging()
    {
        using TemporaryFolder folder = new();
        folder.Write("vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2, \"<|endoftext|>\": 3}");
        folder.Write("merges.txt", "#version: 0.2\na b\n");
        return Tokenizer.Load(folder.Path);
    }
}
