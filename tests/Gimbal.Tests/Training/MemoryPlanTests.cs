using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>What a plan says beforehand is what a step then uses, where every sequence has the planned length.</summary>
public sealed class MemoryPlanTests
{
    [Theory]
    [InlineData("cpu", DType.Float32)]
    [InlineData("cpu", DType.BFloat16)]
    [InlineData("cuda:0", DType.BFloat16)]
    public void StepUsesWhatWasPlanned(string device, DType dtype) => TestDevice.On(device, () =>
    {
        const int Length = 96, Batch = 8;
        using Device opened = TestDevice.Open();
        using LanguageModel model = new(SharedPromptTests.Config with { HiddenSize = 64, IntermediateSize = 160, HeadDim = 16, MaxPositions = Length },
            SharedPromptTests.Letters(), opened, dtype: dtype);
        CompletionDataset data = new(Enumerable.Range(0, Batch).Select(_ => new CompletionExample("a", new string('b', Length - 1))));
        using SftTrainer trainer = new(model, data, new SftOptions { MaxSteps = 1, BatchSize = Batch });
        TrainingResult result = trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.InRange(result.PeakBytes / (double)trainer.Memory.TotalBytes, 0.95, 1);
        return true;
    });
}
