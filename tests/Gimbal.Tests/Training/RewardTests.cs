using System.Text.Json;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class RewardTests
{
    [Fact]
    public async Task DelegateReadsCompletionAndColumns()
    {
        IReward reward = Reward.Create(s => s.Completion.Trim() == s.Column("answer") ? 1f : 0f);
        Assert.Equal([1f, 0f], await Score(reward, Make(" 52 ", ("answer", "52")), Make("42", ("answer", "52"))));
        Assert.Equal("reward", reward.Name);
    }

    [Fact]
    public async Task NullLeavesASampleOutAndOldScoresAreOverwritten()
    {
        IReward reward = Reward.Create(s => s.Completion == "" ? null : 2f, "length");
        float?[] scores = [9f, 9f];
        await reward.ScoreAsync([Make(""), Make("x")], scores, TestContext.Current.CancellationToken);
        Assert.Equal([null, 2f], scores);
    }

    [Fact]
    public async Task ThrowingRewardNamesItselfPromptAndCause()
    {
        IReward reward = Reward.Create(s => s.Completion == "bad" ? throw new FormatException("no answer") : 1f, "judge");
        GimbalException error = await Assert.ThrowsAsync<GimbalException>(() => Score(reward, Make("fine"), Make("bad")));
        Assert.Equal("reward 'judge' failed on prompt \"1+1=\" with completion \"bad\": no answer", error.Message);
        Assert.IsType<FormatException>(error.InnerException);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public async Task NonFiniteScoreIsRefused(float value)
    {
        GimbalException error = await Assert.ThrowsAsync<GimbalException>(() => Score(Reward.Create(_ => value), Make("x")));
        Assert.Contains("finite", error.Message, StringComparison.Ordinal);
        Assert.Contains("1+1=", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingColumnListsTheColumnsThereAre()
    {
        GimbalException error = await Assert.ThrowsAsync<GimbalException>(
            () => Score(Reward.Exact("answer"), Make("x", ("solution", "1"), ("level", "2"))));
        Assert.Contains("no column 'answer': the row has 'level', 'solution'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CancellationPassesThrough()
    {
        using CancellationTokenSource source = new();
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(
            async () => await Reward.Create(_ => 1f).ScoreAsync([Make("x")], new float?[1], source.Token));
    }

    [Fact]
    public async Task WrongLengthOfScoresIsRefused()
    {
        IReward[] rewards = [Reward.Create(_ => 1f), Reward.Sum((1f, Reward.Create(_ => 1f)))];
        foreach (IReward reward in rewards)
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await reward.ScoreAsync([Make("x")], new float?[2], default));
        }
    }

    [Fact]
    public async Task ExactComparesTrimmed() =>
        Assert.Equal([1f, 0f, 0f], await Score(Reward.Exact("a"), Make(" yes\n", ("a", "yes ")), Make("Yes", ("a", "yes")), Make("yes.", ("a", "yes"))));

    [Theory]
    [InlineData("the answer is 12.", 12.0)]
    [InlineData("#### 1,234", 1234.0)]
    [InlineData("1,2345", 2345.0)]
    [InlineData("5-3", 3.0)]
    [InlineData("x = -3.5e2", -350.0)]
    [InlineData("2 apples, then .5", 0.5)]
    [InlineData("12 and 7 and 2.50 dollars", 2.5)]
    [InlineData("no number", null)]
    [InlineData("", null)]
    public void LastNumberOfAText(string text, double? expected) => Assert.Equal(expected, Reward.LastNumber(text));

    [Fact]
    public async Task NumericComparesWithinItsTolerance()
    {
        IReward reward = Reward.Numeric("answer", 0.1);
        Assert.Equal([1f, 0f, 0f], await Score(reward, Make("so 3.95", ("answer", "4")), Make("3.8", ("answer", "4")), Make("four", ("answer", "4"))));
        GimbalException error = await Assert.ThrowsAsync<GimbalException>(() => Score(reward, Make("4", ("answer", "four"))));
        Assert.Contains("column 'answer' holds no number: \"four\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RegexMatchesAnywhereUnlessAnchored()
    {
        Assert.Equal([1f, 0f], await Score(Reward.Regex("[0-9]{2}"), Make("a12b"), Make("a1b2")));
        Assert.Equal([0f, 1f], await Score(Reward.Regex("^[0-9]{2}$"), Make("a12b"), Make("12")));
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => Reward.Regex("(a"));
        Assert.Equal("reward.pattern", error.Key);
    }

    [Fact]
    public async Task LengthCountsTokensOfTheCompletion()
    {
        Sample sample = new() { Prompt = "", Completion = "anything", CompletionIds = new int[7] };
        Assert.Equal([0.25f], await Score(Reward.Length(10, 4f), sample));
        Assert.Equal([0.75f], await Score(Reward.Length(6, 4f), sample));
        Assert.Equal([1f, 0f], await Score(Reward.Sum((1f, Reward.Length(7, 4f))), sample, Make("no ids")));
    }

    [Fact]
    public async Task WeightedSumSkipsPartsThatLeaveASampleOut()
    {
        WeightedReward sum = Reward.Sum(
            (2f, Reward.Create(s => s.Completion.Length, "length")),
            (-1f, Reward.Create(s => s.Completion.Length > 1 ? 0.5f : null, "long")));
        Assert.Equal("length+long", sum.Name);
        Assert.Equal([3.5f, 2f], await Score(sum, Make("ab"), Make("a")));
        Assert.Equal([null], await Score(Reward.Sum((1f, Reward.Create(_ => null))), Make("a")));
        Assert.Throws<ArgumentException>(() => Reward.Sum());
        Assert.Throws<ArgumentException>(() => Reward.Sum((float.NaN, Reward.Create(_ => 1f))));
    }

    [Fact]
    public async Task LexiconCountsEachDistinctWordOnce()
    {
        using TemporaryFile file = new("good\t2\t0.5\t[2]\r\n\r\nbad\t-1.5\nit's\t1\ngood\t3\n");
        double expected = Squash(3 - 1.5 + 1);
        float?[] scores = await Score(Reward.Lexicon(file.Path), Make("GOOD, good bad--It's goodness 'good'"), Make("good1bad"), Make(""));
        Assert.Equal(expected, scores[0]!.Value, 1e-6);
        Assert.Equal(Squash(1.5), scores[1]!.Value, 1e-6);
        Assert.Equal(0f, scores[2]);
    }

    [Theory]
    [InlineData("good\t2\nbroken\n", 2)]
    [InlineData("good\t2\n\nbad\tx\t1\n", 3)]
    [InlineData("\t2\n", 1)]
    [InlineData("good\tNaN\n", 1)]
    public void BrokenLexiconLineIsNamed(string text, int line)
    {
        using TemporaryFile file = new(text);
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => Reward.Lexicon(file.Path));
        Assert.Equal((file.Path, line), (error.Path, error.Line));
        Assert.Contains("expected a word, a tab and its valence", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LexiconThatIsAbsentOrEmptyIsNamed()
    {
        using TemporaryFile file = new("\n");
        Assert.Contains("no word", Assert.Throws<InvalidFileException>(() => Reward.Lexicon(file.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<InvalidFileException>(() => Reward.Lexicon(file.Path + ".none")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LexiconMatchesGoldenSentiment()
    {
        IReward reward = Reward.Lexicon(SharedFolder.Require("data/reward/vader_lexicon.txt"));
        using JsonDocument golden = JsonDocument.Parse(await File.ReadAllTextAsync(SharedFolder.Require("data/golden/sentiment_reward.json"),
            TestContext.Current.CancellationToken));
        JsonElement cases = golden.RootElement.GetProperty("reward_cases");
        Assert.Equal(6, cases.GetArrayLength());
        foreach (JsonElement one in cases.EnumerateArray())
        {
            float?[] scores = await Score(reward, Make(one.GetProperty("text").GetString()!));
            Assert.Equal((float)one.GetProperty("reward").GetDouble(), scores[0]!.Value, 1e-7f);
        }
    }

    [Fact]
    public async Task OptionsChooseTheReward()
    {
        using TemporaryFile lexicon = new("good\t2\n");
        Sample sample = new() { Prompt = "", Completion = "good 7", CompletionIds = new int[3], Columns = new Dictionary<string, string> { ["n"] = "7" } };
        async Task<float?> ScoreBy(RewardFunctionOptions options) => (await Score(Reward.FromOptions(options), sample))[0];
        Assert.Equal(0f, await ScoreBy(new() { Kind = RewardKind.Exact, Column = "n" }));
        Assert.Equal(1f, await ScoreBy(new() { Kind = RewardKind.Numeric, Column = "n" }));
        Assert.Equal(1f, await ScoreBy(new() { Kind = RewardKind.Regex, Pattern = "^good" }));
        Assert.Equal(0.75f, await ScoreBy(new() { Kind = RewardKind.Length, Target = 4 }));
        Assert.Equal(0.125f, await ScoreBy(new() { Kind = RewardKind.Length, Target = 4, Clip = 0.125f }));
        Assert.Equal((float)Squash(2), await ScoreBy(new() { Kind = RewardKind.Lexicon, Lexicon = lexicon.Path }));
        InvalidConfigException error = await Assert.ThrowsAsync<InvalidConfigException>(
            () => ScoreBy(new() { Kind = RewardKind.Model, Model = Path.GetTempPath() }));
        Assert.Equal("reward.kind", error.Key);
    }

    [Fact]
    public async Task SampleWithoutColumnsSaysSo()
    {
        GimbalException error = await Assert.ThrowsAsync<GimbalException>(
            () => Score(Reward.Exact("answer"), new Sample { Prompt = "p", Completion = "c" }));
        Assert.Contains("the row has no further columns", error.Message, StringComparison.Ordinal);
    }

    private static double Squash(double sum) => sum / Math.Sqrt(sum * sum + 15);

    private static Sample Make(string completion, params (string Key, string Value)[] columns) => new()
    {
        Prompt = "1+1=",
        Completion = completion,
        Columns = columns.ToDictionary(column => column.Key, column => column.Value),
    };

    private static async Task<float?[]> Score(IReward reward, params Sample[] samples)
    {
        float?[] scores = new float?[samples.Length];
        await reward.ScoreAsync(samples, scores, TestContext.Current.CancellationToken);
        return scores;
    }
}
