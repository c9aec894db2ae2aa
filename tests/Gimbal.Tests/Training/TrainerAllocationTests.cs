using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>What a step leaves to the garbage collector once the run is under way.</summary>
public sealed class TrainerAllocationTests : IDisposable
{
    private const int Steps = 60, Measured = 30;

    private readonly TrainerSubject subject = new();
    private readonly long[] bytes = new long[Steps];

    public void Dispose() => subject.Dispose();

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public async Task AStepOfSftAllocatesNothing(DType dtype)
    {
        using TrainerSubject own = new(dtype: dtype);
        using SftTrainer trainer = new(own.Model(), own.Examples, new SftOptions
        {
            MaxSteps = Steps, BatchSize = 4, NeftuneAlpha = 1, Optimizer = TrainerSubject.Adam,
        });
        Assert.Equal(0, await BytesPerStep(trainer.TrainAsync));
    }

    /// <summary>The numbers of the step's line, whatever its batch and completions.</summary>
    [Fact]
    public async Task AStepOfDpoAllocatesItsNumbers()
    {
        using DpoTrainer trainer = new(subject.Model(), subject.Pairs, new DpoOptions
        {
            MaxSteps = Steps, BatchSize = 4, Optimizer = TrainerSubject.Adam,
        });
        Assert.InRange(await BytesPerStep(trainer.TrainAsync), 0, 512);
    }

    /// <summary>Texts and token lists of the rollout: kilobytes for each completion, whatever the model's size.</summary>
    [Fact]
    public async Task AStepOfGrpoAllocatesTheTextsOfItsRollout()
    {
        using GrpoTrainer trainer = new(subject.Model(), subject.Prompts, subject.Reward, new GrpoOptions
        {
            MaxSteps = Steps, PromptsPerStep = 4, GroupSize = 4, Sampling = TrainerSubject.Sampling, Optimizer = TrainerSubject.Adam,
        });
        Assert.InRange(await BytesPerStep(trainer.TrainAsync), 0, 16 * 4096);
    }

    // The progress of a step is reported on the thread that trains.
    private async Task<double> BytesPerStep(Func<IProgress<TrainingProgress>?, CancellationToken, Task<TrainingResult>> train)
    {
        await train(new Allocated(bytes), TestContext.Current.CancellationToken);
        return (bytes[^1] - bytes[^(Measured + 1)]) / (double)Measured;
    }

    private sealed class Allocated(long[] bytes) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => bytes[value.Step - 1] = GC.GetAllocatedBytesForCurrentThread();
    }
}
