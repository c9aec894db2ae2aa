using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

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

    // From the second step on the ops are launched together where the device can.
    [Theory]
    [InlineData(3, false, false)]
    [InlineData(0, false, false)]
    [InlineData(0, true, false)]
    [InlineData(0, true, true)]
    public void RecordedStepsOfClassicPpoAgree(int choices, bool stateDependentNoise, bool squashesActions)
    {
        (float[] Weights, MinibatchLoss?[] Losses, bool IsRecorded) Train()
        {
            const int Rows = 24, Minibatch = 8;
            using Device device = TestDevice.Open();
            using ControlPolicy policy = new(device, new ControlPolicyConfig
            {
                ObservationSize = 3,
                ActionSize = choices > 0 ? 1 : 2,
                Choices = choices,
                HiddenSizes = [6, 5],
                StateDependentNoise = stateDependentNoise,
                SquashesActions = squashesActions,
            }, seed: 3);
            ControlRollout rollout = new(1, Rows, 3, policy.Config.ActionSize);
            Philox.Normal(rollout.Observations, 1, 1, 1);
            Philox.Normal(rollout.Rewards, 1, 1, 2);
            policy.Sample(rollout.Observations, 1, 0, rollout.Actions, rollout.Logprobs, rollout.Values);
            ControlOptions options = new() { EntropyCoefficient = 0.01f, ClipRange = 0.02f, Optimizer = new() { LearningRate = 0.01f } };
            using ControlUpdate update = new(policy, rollout, options, Minibatch, totalSteps: 6);
            rollout.Estimate(update.Arena, 0.99f, 0.95f);
            int[] rows = [.. Enumerable.Range(0, Rows)];
            MinibatchLoss?[] losses = [.. Enumerable.Range(0, 6).Select(step => update.Step(rows.AsSpan(step % 3 * Minibatch, Minibatch), null))];
            return (policy.Store.Weights.ToArray<float>(), losses, update.IsRecorded);
        }

        var (weights, losses, isRecorded) = TestDevice.OnCuda(Train);
        var (expected, expectedLosses, _) = TestDevice.OnCpu(Train);
        Assert.True(isRecorded);
        Assert.Contains(losses, loss => loss?.ClipFraction > 0);
        Assert.Equal(expectedLosses, losses);
        Assert.Equal(expected, weights);
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
