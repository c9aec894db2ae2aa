using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>
/// Every language-model trainer, three steps on the CUDA device (a GPU or the emulated driver) and on the CPU: the same bits, since
/// every float32 kernel that these steps call adds in the CPU's order.
/// </summary>
public sealed class DeviceTrainingTests
{
    private const int Steps = 3;

    public static TheoryData<string> Trainers => ["sft", "reward", "dpo", "grpo", "ppo"];

    [Theory]
    [MemberData(nameof(Trainers))]
    public void StepsAgree(string trainer)
    {
        (float[] losses, float[] weights) cuda = TestDevice.OnCuda(() => Train(trainer)), cpu = TestDevice.OnCpu(() => Train(trainer));
        Assert.Equal(Steps, cpu.losses.Length);
        Assert.Equal(cpu.losses, cuda.losses);
        Assert.Equal(cpu.weights, cuda.weights);
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

    /// <summary>The loss of each step, and the weights at the end.</summary>
    private static (float[] Losses, float[] Weights) Train(string name)
    {
        using TrainerSubject subject = new();
        Losses losses = new();
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        LanguageModel model = subject.Model();
        float[] Weights() => model.Store.Weights.ToArray<float>();
        switch (name)
        {
            case "sft":
                using (SftTrainer trainer = new(model, subject.Examples,
                    new SftOptions { MaxSteps = Steps, BatchSize = 4, MicroBatch = 3, Optimizer = TrainerSubject.Adam }))
                    OnPolicy(trainer.TrainAsync(losses, cancellation), sampled: false);
                return ([.. losses.Values], Weights());
            case "reward":
                ScoreModel scorer = subject.Scorer();
                using (RewardTrainer trainer = new(scorer, subject.Pairs,
                    new RewardOptions { MaxSteps = Steps, BatchSize = 3, Optimizer = TrainerSubject.Adam }))
                    OnPolicy(trainer.TrainAsync(losses, cancellation), sampled: false);
                return ([.. losses.Values], scorer.Store.Weights.ToArray<float>());
            case "dpo":
                using (DpoTrainer trainer = new(model, subject.Pairs,
                    new DpoOptions { MaxSteps = Steps, BatchSize = 3, Optimizer = TrainerSubject.Adam }))
                    OnPolicy(trainer.TrainAsync(losses, cancellation), sampled: false);
                return ([.. losses.Values], Weights());
            case "grpo":
                using (GrpoTrainer trainer = new(model, subject.Prompts, subject.Reward, new GrpoOptions
                {
                    MaxSteps = Steps,
                    PromptsPerStep = 2,
                    GroupSize = 3,
                    MicroBatch = 4,
                    Beta = 0.1f,
                    Optimizer = TrainerSubject.Adam,
                    Sampling = TrainerSubject.Sampling,
                }))
                    OnPolicy(trainer.TrainAsync(losses, cancellation), sampled: true);
                return ([.. losses.Values], Weights());
            default:
                using (PpoTrainer trainer = new(model, subject.Scorer(), subject.Prompts, subject.Reward,
                    TrainerInvarianceTests.PpoOptions(3) with { MaxSteps = Steps, Rollouts = 4 }))
                    OnPolicy(trainer.TrainAsync(losses, cancellation), sampled: true);
                return ([.. losses.Values], Weights());
        }
    }

    private static void OnPolicy(Task<TrainingResult> training, bool sampled)
    {
        TrainingResult result = training.GetAwaiter().GetResult();
        Assert.Equal(0, result.MismatchBits);
        Assert.Equal(sampled, result.ComparedTokens > 0);
    }

    private sealed class Losses : IProgress<TrainingProgress>
    {
        public List<float> Values { get; } = [];

        public void Report(TrainingProgress value) => Values.Add((float)value.Metrics[MetricNames.Loss]);
    }
}
