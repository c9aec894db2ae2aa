using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Weights of a bfloat16 model: rounded where ops read matrices, float32 where they are trained and saved.</summary>
public sealed class BFloat16ModelTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Halfway between two numbers goes to the even one; what lies beyond the largest becomes infinite.
    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(1.00390625f, 0x3F80)]
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(1.004f, 0x3F81)]
    [InlineData(-1e-45f, 0x8000)]
    [InlineData(float.MaxValue, 0x7F80)]
    [InlineData(float.NegativeInfinity, 0xFF80)]
    [InlineData(float.NaN, 0x7FFF)]
    public void RoundsToNearestEven(float value, int expected)
    {
        ushort[] half = new ushort[1];
        Tensors.BFloat16.Round([value], half);
        Assert.Equal(expected, half[0]);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda:0")]
    public void OpsReadTheTrainedWeightsRounded(string device) => TestDevice.On(device, () =>
    {
        using TrainerSubject subject = new(dtype: DType.BFloat16);
        LanguageModel model = subject.Model();
        float[] before = model.Head.Read();
        Train(subject, model);
        Assert.NotEqual(before, model.Head.Read());
        foreach (Parameter parameter in model.Store.Parameters)
        {
            Assert.Equal(parameter.Decays ? DType.BFloat16 : DType.Float32, parameter.Value.DType);
            if (parameter.Decays)
            {
                float[] trained = parameter.Read();
                ushort[] rounded = new ushort[trained.Length];
                Tensors.BFloat16.Round(trained, rounded);
                Assert.Equal(rounded, parameter.Value.ToArray<ushort>());
            }
        }

        return true;
    });

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda:0")]
    public void FrozenCopiesComputeTheSameFromHalfTheMemory(string device) => TestDevice.On(device, () =>
    {
        using TrainerSubject subject = new(dtype: DType.BFloat16);
        LanguageModel model = subject.Model();
        Train(subject, model);
        using LanguageModel frozen = model.Clone(trainable: false), again = frozen.Clone(trainable: true);
        ParameterStore store = frozen.Store;
        Assert.Equal(2 * store.Count + 4 * (store.Count - store.DecayCount), store.WeightBytes);
        model.Save(folder.File("model"));
        using LanguageModel saved = LanguageModel.Load(folder.File("model"), subject.Device, trainable: false, DType.BFloat16);
        float[] expected = Logprobs(model);
        Assert.All([frozen, again, saved], copy => Assert.Equal(expected, Logprobs(copy)));
        return true;
    });

    [Fact]
    public void FilesHoldTheTrainedWeights()
    {
        using TrainerSubject subject = new(dtype: DType.BFloat16);
        LanguageModel model = subject.Model();
        Train(subject, model);
        model.Save(folder.File("model"));
        using LanguageModel wide = LanguageModel.Load(folder.File("model"), subject.Device);
        Assert.Equal(model.Store.Parameters.Select(parameter => parameter.Read()), wide.Store.Parameters.Select(parameter => parameter.Read()));
    }

    private static void Train(TrainerSubject subject, LanguageModel model)
    {
        using SftTrainer trainer = new(model, subject.Examples, new SftOptions { MaxSteps = 2, BatchSize = 4, Optimizer = TrainerSubject.Adam });
        trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken).GetAwaiter().GetResult();
    }

    private static float[] Logprobs(LanguageModel model) =>
        model.Generate([[1, 2, 3]], new SamplingOptions { MaxNewTokens = 8, Temperature = 0 }, new DrawKey(0, 0, 0))[0].Logprobs;
}
