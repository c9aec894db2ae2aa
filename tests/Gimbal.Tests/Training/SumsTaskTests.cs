using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class SumsTaskTests
{
    private static readonly SumsTask Task0 = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(77)]
    public void SplitsAreDisjointByUnorderedPairAndCoverAllProblems(int seed)
    {
        SumsTask task = new((ulong)seed);
        Assert.True(task.HeldOut.Count >= 1000, $"{task.HeldOut.Count} held-out problems");
        Assert.Equal(10_000, task.Train.Count + task.Tuning.Count + task.HeldOut.Count);
        HashSet<(int, int)>[] sides = [.. new[] { task.Train, task.Tuning, task.HeldOut }.Select(side => side.Select(Pair).ToHashSet())];
        Assert.Equal(5050, sides.Sum(side => side.Count));
        Assert.Equal(5050, sides.SelectMany(side => side).Distinct().Count());
        Assert.Equal(10_000, task.Train.Concat(task.Tuning).Concat(task.HeldOut).Select(row => row.Prompt).Distinct().Count());
    }

    [Fact]
    public void TheSeedDecidesEverything()
    {
        SumsTask again = new(), other = new(1);
        Assert.Equal(Task0.HeldOut.Select(row => row.Prompt), again.HeldOut.Select(row => row.Prompt));
        Assert.Equal(Task0.Demonstrations(500), again.Demonstrations(500));
        Assert.Equal(Task0.Demonstrations(500), again.Demonstrations(700).Take(500));
        Assert.NotEqual(Task0.HeldOut.Select(row => row.Prompt), other.HeldOut.Select(row => row.Prompt));
        Assert.NotEqual(Task0.Demonstrations(500), other.Demonstrations(500));
    }

    [Fact]
    public void PromptsCarryTheRightAnswer() => Assert.All(Task0.HeldOut, row =>
    {
        string[] operands = row.Prompt.TrimEnd('=').Split('+');
        Assert.Equal((int.Parse(operands[0]) + int.Parse(operands[1])).ToString(), row.Columns![SumsTask.AnswerColumn]);
        Assert.Matches("^[0-9]{2}[+][0-9]{2}=$", row.Prompt);
    });

    [Theory]
    [InlineData(7, 45, true, 42)]
    [InlineData(70, 60, true, 30)]
    [InlineData(99, 99, true, 88)]
    [InlineData(55, 45, true, 90)]
    [InlineData(5, 5, true, 0)]
    [InlineData(12, 34, false, 46)]
    [InlineData(0, 0, false, 0)]
    public void CarriesAreDroppedColumnByColumn(int left, int right, bool carry, int without)
    {
        Assert.Equal(carry, SumsTask.HasCarry(left, right));
        Assert.Equal(without, SumsTask.WithoutCarries(left, right));
    }

    [Fact]
    public void DemonstrationsErrAsDescribed()
    {
        HashSet<string> training = [.. Task0.Train.Select(row => row.Prompt)];
        int carries = 0, dropped = 0, spurious = 0, wrong = 0;
        CompletionDataset rows = Task0.Demonstrations(50_000);
        foreach (CompletionExample row in rows)
        {
            Assert.Contains(row.Prompt, training);
            (int left, int right) = (int.Parse(row.Prompt[..2]), int.Parse(row.Prompt[3..5]));
            int answer = int.Parse(row.Completion);
            Assert.Equal(answer.ToString(), row.Completion);
            Assert.True(row.Completion.Length < SumsTask.MaxCompletionTokens);
            if (SumsTask.HasCarry(left, right))
            {
                carries++;
                dropped += answer == SumsTask.WithoutCarries(left, right) ? 1 : 0;
                Assert.True(answer == left + right || answer == SumsTask.WithoutCarries(left, right));
            }
            else
            {
                spurious += answer == left + right + 10 ? 1 : 0;
                Assert.True(answer == left + right || answer == left + right + 10);
            }

            wrong += SumsTask.Verify(row.Prompt, row.Completion) ? 0 : 1;
        }

        // Standard deviations are below 0.004 at these counts.
        Assert.Equal(0.6975, carries / 50_000.0, 0.02);
        Assert.Equal(0.7, dropped / (double)carries, 0.015);
        Assert.Equal(0.3, spurious / (double)(50_000 - carries), 0.015);
        Assert.Equal(0.58, wrong / 50_000.0, 0.02);
    }

    [Theory]
    [InlineData("07+45=", "52", true)]
    [InlineData("07+45=", "42", false)]
    [InlineData("07+45=", "052", false)]
    [InlineData("07+45=", "52 ", false)]
    [InlineData("07+45=", "", false)]
    [InlineData("00+00=", "0", true)]
    [InlineData("99+99=", "198", true)]
    public void VerifyTakesTheExactAnswerAlone(string prompt, string completion, bool right) =>
        Assert.Equal(right, SumsTask.Verify(prompt, completion));

    [Theory]
    [InlineData("7+45=")]
    [InlineData("07-45=")]
    [InlineData("07+45")]
    [InlineData("0a+45=")]
    public void PromptOfAnotherFormIsRefused(string prompt)
    {
        GimbalException error = Assert.Throws<GimbalException>(() => SumsTask.Verify(prompt, "1"));
        Assert.Contains($"\"{prompt}\" is not a problem of the sums task", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RewardNeedsTheEndToken()
    {
        float?[] scores = new float?[3];
        await Task0.Reward.ScoreAsync(
        [
            new Sample { Prompt = "07+45=", Completion = "52" },
            new Sample { Prompt = "07+45=", Completion = "52", Ended = false },
            new Sample { Prompt = "07+45=", Completion = "53" },
        ], scores, TestContext.Current.CancellationToken);
        Assert.Equal([1f, 0f, 0f], scores);
    }

    [Fact]
    public void TokenizerHasFourteenTokensAndReadsEveryProblem()
    {
        CharacterTokenizer tokenizer = SumsTask.CreateTokenizer();
        Assert.Equal(14, tokenizer.VocabularySize);
        Assert.NotEqual(tokenizer.EosId, tokenizer.PadId);
        Assert.All(Task0.Train, row =>
        {
            Assert.Equal(6, tokenizer.Encode(row.Prompt).Length);
            Assert.Equal(row.Prompt, tokenizer.Decode(tokenizer.Encode(row.Prompt)));
        });
    }

    private static (int, int) Pair(PromptExample row)
    {
        (int left, int right) = (int.Parse(row.Prompt[..2]), int.Parse(row.Prompt[3..5]));
        return (Math.Min(left, right), Math.Max(left, right));
    }
}
