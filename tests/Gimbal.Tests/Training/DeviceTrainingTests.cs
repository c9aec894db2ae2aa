using Gimbal.Models;

namespace Gimbal.Tests;

/// <summary>
/// Every language-model trainer, three steps on the CUDA device (a GPU or the emulated driver) and on the CPU: the same bits, since
/// every float32 kernel that these steps call adds in the CPU's order.
/// </summary>
public sealed class DeviceTrainingTests
{
    public static TheoryData<string> Trainers => TrainerRun.Trainers;

    [Theory]
    [MemberData(nameof(Trainers))]
    public void StepsAgree(string trainer)
    {
        TrainerRun cuda = TestDevice.OnCuda(() => TrainerRun.Of(trainer)), cpu = TestDevice.OnCpu(() => TrainerRun.Of(trainer));
        Assert.Equal(3, cpu.Losses.Count);
        Assert.Equal(cpu.Losses, cuda.Losses);
        Assert.Equal(cpu.Weights, cuda.Weights);
    }

    [Fact]
    public void GreedyTokensAgree()
    {
        static Completion Complete()
        {
            using TrainerSubject subject = new();
            return subject.Model().Generate(["12+3=", "7="], new SamplingOptions { MaxNewTokens = 9, Temperature = 0 }, default)[0];
        }

        Completion cuda = TestDevice.OnCuda(Complete), cpu = TestDevice.OnCpu(Complete);
        Assert.Equal(cpu.Text, cuda.Text);
    }
}
