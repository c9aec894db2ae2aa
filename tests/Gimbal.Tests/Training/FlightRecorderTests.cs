using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>The record of a step's tokens, held against the metrics and the log-probabilities of the run it is of.</summary>
public sealed class FlightRecorderTests : IDisposable
{
    private static readonly IReward Parts = Reward.Sum((0.5f, Reward.Length(4, 4)), (2f, Reward.Create(s => s.Completion.Contains('1') ? 1 : 0, "one")));

    private readonly TrainerSubject subject = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        subject.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(RatioLevel.Token)]
    [InlineData(RatioLevel.Sequence)]
    public async Task A_record_of_grpo_agrees_with_its_metrics(RatioLevel level)
    {
        GrpoOptions options = Grpo() with { Ratio = level, InnerEpochs = 2, Minibatches = 1, ClipLow = 1e-4f, ClipHigh = 1e-4f, MicroBatch = 3 };
        TrainingResult result = await Run(options with { Record = true });
        Assert.Equal([1, 2], RecordFile.Steps(result.Output!));
        IReadOnlyList<RolloutRecord> samples = RecordFile.Read(result.Output!, 2);
        Assert.Equal(8, samples.Count);
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1], samples.Select(sample => sample.Group));
        Assert.All(samples, sample =>
        {
            int count = sample.Ids.Length;
            Assert.Equal([count, count, count, count, count, count, count], [sample.Tokens.Length, sample.Policy!.Length, sample.Sampler.Length,
                sample.Reference!.Length, sample.Advantages.Length, sample.Ratio!.Length, sample.Clip!.Length]);
            Assert.Equal(sample.Reward!.Value, sample.RewardParts!.Values.Sum(), 1e-6f);
            Assert.Equal(["length", "one"], sample.RewardParts.Keys);
            Assert.Equal(sample.Completion, string.Concat(sample.Tokens.Where(text => text is not ("<pad>" or "<eos>"))));
            Assert.All(sample.Advantages, advantage => Assert.Equal(sample.Advantage, advantage));
        });

        // The first of the two passes has ratio 1 and clips nothing, so that the step's share is half of the last pass's.
        double clipped = samples.Sum(sample => sample.Clip!.Count(flag => flag != 0)), tokens = samples.Sum(sample => sample.Ids.Length);
        Assert.True(clipped > 0);
        Assert.Equal(clipped / tokens / 2, result.Metrics[MetricNames.ClipRatioRegion], 1e-9);
        Assert.Equal(samples.Average(sample => (double)sample.Reward!.Value), result.Metrics[MetricNames.Reward], 1e-6);
        Assert.Equal(samples.Average(sample => sample.Sampler.Zip(sample.Reference!, (a, b) => (double)a - b).Sum()),
            result.Metrics[MetricNames.KlPerSequence], 1e-9);
    }

    [Fact]
    public async Task With_one_update_a_step_the_policy_is_the_sampler_bit_for_bit()
    {
        TrainingResult result = await Run(Grpo() with { Record = true });
        Assert.All(RecordFile.Read(result.Output!, 2), sample =>
        {
            Assert.Equal(sample.Sampler, sample.Policy!);
            Assert.All(sample.Ratio!, ratio => Assert.Equal(1f, ratio));
        });
    }

    [Fact]
    public async Task Recording_changes_nothing_and_without_it_there_is_no_folder()
    {
        TrainingResult off = await Run(Grpo()), on = await Run(Grpo() with { Record = true, Output = folder.File("on") });
        Assert.False(Directory.Exists(Path.Combine(off.Output!, "records")));
        foreach ((string name, double value) in off.Metrics.Where(metric => metric.Key != MetricNames.StepTime))
            Assert.Equal(value, on.Metrics[name]);
    }

    [Fact]
    public async Task Ppo_records_advantages_of_tokens_and_leaves_out_what_it_lacks()
    {
        using PpoTrainer trainer = new(subject.Model(), subject.Scorer(), subject.Prompts, subject.Reward, new PpoOptions
        {
            Rollouts = 4, MaxSteps = 1, Epochs = 3, KlCoefficient = 0, Sampling = TrainerSubject.Sampling, Optimizer = TrainerSubject.Adam,
            Output = folder.File("ppo"), Record = true,
        });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        IReadOnlyList<RolloutRecord> samples = RecordFile.Read(result.Output!, 1);
        Assert.Equal([0, 1, 2, 3], samples.Select(sample => sample.Group));
        Assert.All(samples, sample => Assert.True(sample is { Reference: null, Advantage: null, Ratio: not null }));
        Assert.Contains(samples, sample => sample.Ratio!.Any(ratio => ratio != 1));
        float[] advantages = [.. samples.SelectMany(sample => sample.Advantages)];
        Assert.Equal(0, advantages.Average(), 1e-5); // whitened over the rollout
        Assert.Contains(advantages, advantage => advantage != advantages[0]);
    }

    [Fact]
    public void A_resume_takes_back_the_records_after_the_checkpoint()
    {
        using (RunFolder run = RunFolder.Create("grpo", 1, "cpu", folder.File("run"), ""))
        {
            foreach (int step in (int[])[9, 10, 11])
                RecordFile.Write(run.Path, step, []);
            run.WriteCheckpoint(10, 0, path => File.WriteAllText(Path.Combine(path, "weights"), ""));
        }

        using RunFolder resumed = RunFolder.Resume(folder.File("run"));
        Assert.Equal([9, 10], RecordFile.Steps(resumed.Path));
    }

    [Fact]
    public void A_broken_record_is_named()
    {
        RecordFile.Write(folder.Path, 1, []);
        string path = Directory.GetFiles(folder.File("records")).Single();
        File.WriteAllText(path, "no gzip");
        Assert.Equal(path, Assert.Throws<InvalidFileException>(() => RecordFile.Read(folder.Path, 1)).Path);
        Assert.Throws<InvalidFileException>(() => RecordFile.Read(folder.Path, 2));
    }

    private GrpoOptions Grpo() => new()
    {
        PromptsPerStep = 2, GroupSize = 4, MaxSteps = 2, Sampling = TrainerSubject.Sampling, Optimizer = TrainerSubject.Adam, Output = folder.File("run"),
    };

    private async Task<TrainingResult> Run(GrpoOptions options)
    {
        using GrpoTrainer trainer = new(subject.Model(), subject.Prompts, Parts, options);
        return await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
    }
}
