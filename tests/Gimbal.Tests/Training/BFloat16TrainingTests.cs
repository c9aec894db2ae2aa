using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>Every language-model trainer in bfloat16: close to float32, exactly on-policy, resumed bit for bit.</summary>
public sealed class BFloat16TrainingTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string, string> Trainers
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach (TheoryDataRow<string> trainer in TrainerRun.Trainers)
            {
                data.Add(trainer.Data, "cpu");
                data.Add(trainer.Data, "cuda:0");
            }

            return data;
        }
    }

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// A stored number is off by 2^-9 at most, a gradient of this model by the sum of some twenty such roundings on its way: 5e-3
    /// to 2e-2 of its norm, measured. A wrong term would be of the size of the gradient.
    /// </summary>
    [Theory]
    [MemberData(nameof(Trainers))]
    public void StepsAreCloseToFloat32(string trainer, string device)
    {
        TrainerRun wide = TestDevice.OnCpu(() => TrainerRun.Of(trainer)), narrow = TestDevice.On(device, () => TrainerRun.Of(trainer, DType.BFloat16));
        Assert.Equal(3, narrow.Losses.Count);
        Assert.All(wide.Losses.Zip(narrow.Losses), loss => Assert.Equal(loss.First, loss.Second, 0.005f * (1 + Math.Abs(loss.First))));
        Assert.InRange(Distance(wide.Moment, narrow.Moment), 1e-4, 0.04);
        Assert.InRange(Distance(wide.Weights, narrow.Weights), 1e-6, 0.002);
    }

    [Theory]
    [MemberData(nameof(Trainers))]
    public void ResumedRunIsTheWhole(string trainer, string device) => TestDevice.On(device, () =>
    {
        TrainerRun whole = TrainerRun.Of(trainer, DType.BFloat16, output: folder.File("whole"));
        TrainerRun part = TrainerRun.Of(trainer, DType.BFloat16, output: folder.File("run"), stopAfter: 2);
        Assert.NotEqual(whole.Weights, part.Weights);
        TrainerRun rest = TrainerRun.Of(trainer, DType.BFloat16, output: folder.File("run"), resume: true);
        Assert.Equal(whole.Losses, [.. part.Losses, .. rest.Losses]);
        Assert.Equal(whole.Weights, rest.Weights);
        Assert.Equal(whole.Moment, rest.Moment);
        return true;
    });

    private static double Distance(float[] expected, float[] actual) =>
        Norm([.. expected.Zip(actual, (a, b) => a - b)]) / Norm(expected);

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
