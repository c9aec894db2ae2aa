using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Groups whose rewards are all equal give way to others, for a bounded number of rounds.</summary>
public sealed class DynamicSamplingTests : IDisposable
{
    private const int Groups = 4, GroupSize = 3;

    private readonly TrainerSubject subject = new();
    private readonly List<Sample[]> asked = [];

    public void Dispose() => subject.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(6)]
    public async Task ARoundDrawsAsManyGroupsAsAreStillEqual(int rounds)
    {
        TrainingResult result = await Train(rounds, sample => sample.Completion.Contains('1') ? 1 : 0);
        int equal = Groups, drawn = 0, passed = 0;
        HashSet<string> texts = [];
        foreach (Sample[] batch in asked)
        {
            Assert.Equal(equal * GroupSize, batch.Length);
            int different = batch.Chunk(GroupSize).Count(group => group.Select(Score).Distinct().Count() > 1);
            (equal, drawn, passed) = (equal - different, drawn + batch.Length / GroupSize, passed + different);
            texts.UnionWith(batch.Select(sample => sample.Prompt + sample.Completion));
        }

        Assert.InRange(asked.Count, rounds > 1 ? 2 : 1, rounds);
        Assert.True(equal == 0 || asked.Count == rounds);
        Assert.Equal(equal / (double)Groups, result.Metrics[MetricNames.FracRewardZeroStd]);
        // No round repeats the draws of another.
        Assert.True(texts.Count > 0.7 * drawn * GroupSize, $"{texts.Count} of {drawn * GroupSize}");
        Assert.Equal(Groups * GroupSize, result.Samples);
        Assert.Equal(0, result.MismatchBits);
        Assert.Equal(rounds > 1, result.Metrics.ContainsKey(MetricNames.SamplingRounds));
        if (rounds > 1)
        {
            Assert.Equal(asked.Count, result.Metrics[MetricNames.SamplingRounds]);
            Assert.Equal(passed / (double)drawn, result.Metrics[MetricNames.SamplingPassRate]);
        }

        static float Score(Sample sample) => sample.Completion.Contains('1') ? 1 : 0;
    }

    [Fact]
    public async Task RewardsThatAreAlwaysEqualEndAfterTheLastRound()
    {
        TrainingResult result = await Train(3, _ => 0.5f);
        Assert.Equal(3, asked.Count);
        Assert.Equal((3, 0), (result.Metrics[MetricNames.SamplingRounds], result.Metrics[MetricNames.SamplingPassRate]));
        Assert.Equal(1, result.Metrics[MetricNames.FracRewardZeroStd]);
        Assert.Equal(0, result.Metrics[MetricNames.GradNorm]);
    }

    [Fact]
    public void AGroupMovesWithItsScoresAndTheirParts()
    {
        IReward sum = Reward.Sum((1f, subject.Reward), (0.5f, Reward.Create(sample => sample.Completion.Length)));
        Rollout one = Draw(step: 0), other = Draw(step: 1);
        float?[] scores = [.. one.Scores], parts = [.. one.Parts[1].Scores];
        one.Replace([2, 0], other, GroupSize);
        foreach ((int to, int from) in (ReadOnlySpan<(int, int)>)[(2, 0), (0, 1)])
        {
            Range there = (to * GroupSize)..((to + 1) * GroupSize), here = (from * GroupSize)..((from + 1) * GroupSize);
            other.Scores[here].CopyTo(scores, to * GroupSize);
            other.Parts[1].Scores[here].CopyTo(parts, to * GroupSize);
            Assert.Equal(other.Samples[here], one.Samples[there]);
            Assert.Equal(other.Sequences.ToArray()[here], one.Sequences.ToArray()[there]);
        }

        Assert.Equal(scores, one.Scores);
        Assert.Equal(parts, one.Parts[1].Scores);

        Rollout Draw(int step)
        {
            Rollout rollout = Rollout.Draw(subject.Model(), [.. subject.Prompts.Take(Groups)], GroupSize, TrainerSubject.Sampling, 1, step,
                CancellationToken.None);
            rollout.ScoreParts(sum, CancellationToken.None);
            return rollout;
        }
    }

    private static GrpoOptions Options(int rounds) => new()
    {
        MaxSteps = 1,
        PromptsPerStep = Groups,
        GroupSize = GroupSize,
        SamplingRounds = rounds,
        Optimizer = TrainerSubject.Adam,
        Sampling = TrainerSubject.Sampling with { MaxNewTokens = 4 },
    };

    private async Task<TrainingResult> Train(int rounds, Func<Sample, float> score)
    {
        using GrpoTrainer trainer = new(subject.Model(), subject.Prompts, Judge(score), Options(rounds));
        return await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
    }

    private Recording Judge(Func<Sample, float> score) => new(asked, score);

    private sealed class Recording(List<Sample[]> asked, Func<Sample, float> score) : IReward
    {
        public string Name => "recording";

        public ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
        {
            asked.Add([.. samples]);
            for (int i = 0; i < samples.Count; i++)
            {
                scores.Span[i] = score(samples[i]);
            }

            return ValueTask.CompletedTask;
        }
    }
}
