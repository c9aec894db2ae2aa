using Gimbal.Tensors;
using Gimbal.Training;
using static Gimbal.Tests.RandomTraining;

namespace Gimbal.Tests;

/// <summary>Over random models, data and options: how a step is cut, and in which order its rows stand, shows in no result.</summary>
public sealed class TrainerPropertyTests
{
    private const int Seeds = 6;

    // Of the norm of the gradient. Measured over 150 seeds: less, but where it nearly cancels, therefore the floor.
    private const double Rounding = 2e-6, Floor = 0.05;

    public static TheoryData<string, int> Trainers => Cases([.. FromData, .. FromPlaces, .. FromRollouts]);

    public static TheoryData<string, int> DataTrainers => Cases(FromData);

    public static TheoryData<string, int> RolloutTrainers => Cases(FromRollouts);

    [Theory]
    [MemberData(nameof(Trainers))]
    public Task ThreadsDoNotChangeBits(string trainer, int seed)
    {
        Cut one = new(Steps: 3, Dtype: seed % 2 == 0 ? DType.Float32 : DType.BFloat16);
        return Same(trainer, seed, one, one with { Threads = 2 + seed % 3 }, tolerance: 0);
    }

    [Theory]
    [MemberData(nameof(Trainers))]
    public Task MicroBatchesDoNotMatter(string trainer, int seed) =>
        Same(trainer, seed, new Cut(), new Cut(MicroBatch: 1 + seed % 4), Rounding);

    [Theory]
    [MemberData(nameof(DataTrainers))]
    public Task TheOrderOfRowsDoesNotMatter(string trainer, int seed) =>
        Same(trainer, seed, new Cut(), new Cut(Reversed: true, MicroBatch: seed % 4), Rounding);

    [Theory]
    [MemberData(nameof(RolloutTrainers))]
    public Task PassesThatDoNotMoveDoNotMatter(string trainer, int seed) =>
        Same(trainer, seed, new Cut(), new Cut(Passes: 3), Rounding);

    /// <summary>Classic PPO: threads of the device and of the environments.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ThreadsDoNotChangeBitsOfClassicPpo(int seed)
    {
        (float[] expected, ControlOptions options) = await Control(seed, threads: 1);
        (float[] actual, _) = await Control(seed, threads: 2 + seed % 2);
        Assert.True(expected.AsSpan().SequenceEqual(actual), $"seed {seed}: {options}");
    }

    /// <summary>There is no padding: sequences lie end to end, however many, in whatever order.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void TokensHaveTheSameBitsAloneAndInAnyBatch(int seed)
    {
        using RandomTraining training = new("forward", seed);
        foreach (DType dtype in (DType[])[DType.Float32, DType.BFloat16])
        {
            float[] alone = training.Logprobs(threads: 1, microBatch: 1, reversed: false, dtype);
            foreach ((int threads, int microBatch, bool reversed) in new[] { (1, 9, false), (1, 9, true), (3, 4, true), (2, 2, false) })
            {
                float[] batched = training.Logprobs(threads, microBatch, reversed, dtype);
                Assert.True(alone.AsSpan().SequenceEqual(batched), $"seed {seed}, {dtype}: {microBatch} at a time, {threads} threads");
            }
        }
    }

    private static async Task Same(string trainer, int seed, Cut one, Cut other, double tolerance)
    {
        using RandomTraining training = new(trainer, seed);
        Outcome expected = await training.Run(one), actual = await training.Run(other);
        double norm = Norm(expected.Gradients), error = Norm([.. expected.Gradients.Zip(actual.Gradients, (a, b) => a - b)]);
        Assert.True(norm > 0, $"no gradient: {training.Description}");
        Assert.True(error <= tolerance * (norm + Floor),
            $"gradients of {norm:E2} differ by {error:E2}, {one} and {other}: {training.Description}");
        Assert.True(Math.Abs(expected.Loss - actual.Loss) <= tolerance * (1 + Math.Abs(expected.Loss)),
            $"loss {expected.Loss:R} and {actual.Loss:R}, {one} and {other}: {training.Description}");
    }

    private static TheoryData<string, int> Cases(string[] trainers) =>
        new(from trainer in trainers from seed in Enumerable.Range(0, Seeds) select (trainer, seed));

    private static async Task<(float[] Weights, ControlOptions Options)> Control(int seed, int threads)
    {
        Random random = new(seed);
        bool Coin() => random.Next(2) == 0;
        ControlOptions options = new()
        {
            Environment = ControlTasks.Names[random.Next(ControlTasks.Names.Count)],
            Environments = random.Next(2, 9),
            EnvironmentThreads = threads,
            StepsPerRollout = 8 * random.Next(1, 9),
            Epochs = random.Next(1, 4),
            Minibatches = 1 << random.Next(3),
            ClipRangeValue = Coin() ? 0.2f : 0,
            EntropyCoefficient = Coin() ? 0.01f : 0,
            NormalizeObservations = Coin(),
            NormalizeRewards = Coin(),
            HiddenSizes = [random.Next(1, 70), random.Next(1, 70)],
            MaxSteps = 3,
        };
        bool isBox = !ControlTasks.Create(options.Environment).Actions.IsDiscrete;
        options = options with { StateDependentNoise = isBox && Coin(), SquashActions = isBox && Coin() };
        using Device device = TestDevice.Open(threads);
        using ControlTrainer trainer = new(options, device);
        await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        return (trainer.Policy.Store.Weights.ToArray<float>(), options);
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
