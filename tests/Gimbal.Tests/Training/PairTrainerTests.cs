using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;
using Microsoft.Extensions.Logging;

namespace Gimbal.Tests;

/// <summary>Trainers from pairs: lengths, chunks of whole pairs, held-out accuracy; rewards that leave samples out.</summary>
public sealed class PairTrainerTests : IDisposable
{
    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(40)]
    [InlineData(1000)]
    public void ChunksHoldWholePairsInOrder(int chunkRows)
    {
        (TokenSequence Chosen, TokenSequence Rejected)[] data = [.. Enumerable.Range(0, 9).Select(i =>
            (new TokenSequence([.. Enumerable.Repeat(i, 4 + i)], 2), new TokenSequence([.. Enumerable.Repeat(10 + i, 3 + i * 5 % 7)], 2)))];
        int[] wanted = [3, 0, 8, 1, 2, 7];
        using Arena arena = new(subject.Device, 1 << 20);
        TokenBatch batch = new();
        PairChunks chunks = new(chunkRows);
        chunks.Fill(batch, data, wanted);
        batch.Upload(arena);
        chunks.Upload(arena, batch);
        int next = 0;
        for (int chunk = 0; chunk + 1 < chunks.Rows.Length; chunk++)
        {
            int row = chunks.Rows[chunk], rows = chunks.Rows[chunk + 1] - row;
            (int first, int count, Tensor starts) = chunks.At(row);
            Assert.Equal(next, first);
            Assert.True(rows <= chunkRows || count == 1);
            int[] segments = starts.ToArray<int>();
            Assert.Equal((0, rows), (segments[0], segments[^1]));
            for (int i = 0; i < count; i++)
            {
                AssertSegment(i, wanted[first + i]);
                AssertSegment(count + i, 10 + wanted[first + i]);
                Assert.Equal((2 * first + i, 2 * first + count + i), chunks.SequencesOf(first + i));
            }

            next += count;

            void AssertSegment(int segment, int token) =>
                Assert.All(batch.HostTargets[(row + segments[segment])..(row + segments[segment + 1])].ToArray(),
                    target => Assert.Equal(token, target));
        }

        Assert.Equal(wanted.Length, next);
    }

    [Fact]
    public async Task ChunkSizeLeavesTheDpoGradientAlone()
    {
        // 40 pairs of about 10 loss rows make two chunks in one micro-batch, and one chunk in each of several.
        PreferenceDataset data = new(Enumerable.Range(0, 40).Select(i => new PreferenceExample($"{i % 10}=", $"{i * 7919}", $"{i * 104729}")));
        float[] one = await Gradient(0), many = await Gradient(4);
        double norm = Math.Sqrt(one.Sum(value => (double)value * value));
        double error = Math.Sqrt(one.Zip(many).Sum(pair => ((double)pair.First - pair.Second) * (pair.First - pair.Second))) / norm;
        // Measured: 2.9e-7.
        Assert.True(error <= 1e-6, $"the gradients differ by {error:E2} of their norm");

        async Task<float[]> Gradient(int microBatch)
        {
            LanguageModel model = subject.Model();
            using DpoTrainer trainer = new(model, data,
                new DpoOptions { MaxSteps = 1, BatchSize = 40, MicroBatch = microBatch, Optimizer = TrainerSubject.Adam }, reference: subject.Model(seed: 9));
            await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
            return model.Store.FirstMoment.ToArray<float>();
        }
    }

    [Fact]
    public void LongPairsAreCutCountedAndLogged()
    {
        RecordingLogger log = new();
        PreferenceDataset data = new(
        [
            new PreferenceExample("1+1=", "2", "11111"),
            new PreferenceExample("1111111", "2", "3"),
            new PreferenceExample("1=", "1", "2"),
        ]);
        using DpoTrainer trainer = new(subject.Model(), data,
            new DpoOptions { MaxSteps = 1, BatchSize = 2, MaxLength = 6, Optimizer = TrainerSubject.Adam }, log);
        Assert.Equal(2, trainer.PairCount);
        Assert.Contains(log.Messages, message => message.Contains("2 of 3 pairs", StringComparison.Ordinal) &&
            message.Contains("1 pairs were left out", StringComparison.Ordinal));
        trainer.Step(0, new MetricRow());
        Assert.Throws<GimbalException>(() => new DpoTrainer(subject.Model(), data, new DpoOptions { MaxLength = 1 }));
    }

    [Fact]
    public async Task RewardModelLearnsWhatPairsHaveInCommon()
    {
        // The better completion starts with a 7.
        PreferenceDataset Pairs(int from, int count) => new(Enumerable.Range(from, count).Select(i =>
            new PreferenceExample($"{i % 10}=", $"7{i % 9}", $"{i % 7}{i % 10}")));
        ScoreModel model = ScoreModel.From(subject.Model());
        using RewardTrainer trainer = new(model, Pairs(0, 60), new RewardOptions
        {
            MaxSteps = 40,
            BatchSize = 12,
            Optimizer = TrainerSubject.Adam with { LearningRate = 5e-3f },
        });
        (int right, int count) = trainer.Evaluate(Pairs(60, 50));
        Assert.Equal((0, 50), (right, count));
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        (right, count) = trainer.Evaluate(Pairs(60, 50));
        Assert.Equal(50, count);
        Assert.InRange(right, 45, 50);
    }

    [Fact]
    public async Task SamplesWithoutAScoreCountForNothing()
    {
        IReward reward = Reward.Create(sample => sample.CompletionIds.Length % 2 == 0 ? null : sample.CompletionIds.Length);
        using PpoTrainer ppo = new(subject.Model(), subject.Scorer(), subject.Prompts, reward,
            TrainerInvarianceTests.PpoOptions(3) with { MaxSteps = 3, WhitenRewards = true });
        TrainingResult result = await ppo.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(double.IsFinite(result.Metrics[MetricNames.LossValue]));
        LanguageModel untouched = subject.Model();
        float[] before = untouched.Store.Weights.ToArray<float>();
        using PpoTrainer none = new(untouched, subject.Scorer(), subject.Prompts, Reward.Create(_ => null), TrainerInvarianceTests.PpoOptions(3));
        result = await none.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(0, result.Metrics[MetricNames.Loss]);
        Assert.Equal(before, untouched.Store.Weights.ToArray<float>());
    }

    [Fact]
    public void MomentsOfAFolderWithoutThemSayWhatToDo()
    {
        using TemporaryFolder folder = new();
        InvalidFileException missing = Assert.Throws<InvalidFileException>(() => RewardMoments.Load(folder.Path));
        Assert.Contains("reward.standardize", missing.Message, StringComparison.Ordinal);
        folder.Write(RewardMoments.FileName, "{ \"mean\": 1 }");
        Assert.Throws<InvalidFileException>(() => RewardMoments.Load(folder.Path));
        RewardMoments moments = RewardMoments.Of([1, 2, 3, 6]);
        moments.Save(folder.Path);
        Assert.Equal(moments, RewardMoments.Load(folder.Path));
        Assert.Equal((3, Math.Sqrt(14 / 3d)), (moments.Mean, moments.StandardDeviation));
    }

    private sealed class RecordingLogger : ILoggerFactory, ILogger
    {
        public List<string> Messages { get; } = [];

        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Messages.Add(formatter(state, exception));

        public void Dispose() { }
    }
}
