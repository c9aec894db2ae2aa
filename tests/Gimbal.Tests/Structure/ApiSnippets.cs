using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;
using Microsoft.Extensions.Logging;

namespace Gimbal.Tests.Structure;

/// <summary>
/// The snippets of README.md, which users start from: they must compile as they stand there. The compiler is the test, and
/// <see cref="ReadmeTests"/> sees to it that every line of them stands here; nothing calls the methods that need a model.
/// </summary>
internal static class ApiSnippets
{
    public static async Task GrpoWithARewardInCSharp(ILoggerFactory loggerFactory, IProgress<TrainingProgress> progress,
        CancellationToken cancellationToken)
    {
        using Device device = Device.Open("cpu");
        using LanguageModel policy = LanguageModel.Load("models/base", device);
        PromptDataset prompts = PromptDataset.FromJsonl("train.jsonl"); // {"prompt": ..., other columns}
        IReward reward = Reward.Create(s => s.Completion.Trim() == s.Column("answer") ? 1f : 0f);
        using GrpoTrainer trainer = new(policy, prompts, reward,
            new GrpoOptions { GroupSize = 8, MaxSteps = 200, Output = "runs/grpo" }, loggerFactory);
        TrainingResult result = await trainer.TrainAsync(progress, cancellationToken);
        policy.Save("models/aligned");
        _ = result;
    }

    public static void GaeOnYourOwnBuffers(float[] rewards, float[] values, float[] lastValues, bool[] terminated, bool[] truncated,
        float[] truncatedValues, bool[] mask, float[] advantages, float[] returns, int rows, int steps) =>
        Ops.Gae(rewards, values, lastValues, terminated, truncated, truncatedValues, mask,
            advantages, returns, rows, steps, gamma: 0.99f, lambda: 0.95f);

    public static Tensor BorrowedMemory(nint stream, nint rewardsPointer, int rows, int steps)
    {
        using Device gpu = Device.Open("cuda:0", new DeviceOptions { Stream = stream });
        Tensor r = Tensor.Borrow(gpu, rewardsPointer, DType.Float32, [rows, steps]); // the same Ops.Gae over tensors
        return r;
    }

    public static async Task YourOwnEnvironment(IProgress<TrainingProgress> progress, CancellationToken cancellationToken)
    {
        using ControlTrainer control = new(worker => new Thermostat(), new ControlOptions { Environments = 8, TotalSteps = 200_000 });
        await control.TrainAsync(progress, cancellationToken);
        Evaluation score = control.Policy.Evaluate(() => new Thermostat(), episodes: 20, seed: 1);
        _ = score;
    }

    public static async Task LoadAndGenerate(LanguageModel policy, CancellationToken cancellationToken)
    {
        SamplingOptions sampling = new() { MaxNewTokens = 64, Temperature = 0.8f, Seed = 0 };
        await foreach (GeneratedToken t in policy.StreamAsync("Once upon", sampling, cancellationToken)) Console.Write(t.Text);
        IReadOnlyList<Completion> batch = policy.Generate(["2+2=", "3+5="], sampling, cancellationToken);
        _ = batch;
    }

    /// <summary>Hold a room at 20 degrees: the action heats or cools it by up to one degree a step, while it drifts.</summary>
    private sealed class Thermostat : IEnvironment
    {
        private float temperature;
        private int step;

        public Space Observations => Space.Box(1);

        public Space Actions => Space.Box(-1, 1, 1);                // or Space.Discrete(n): index in action[0]

        public void Reset(ulong seed, Span<float> observation)
        {
            (temperature, step) = (10 + seed % 20, 0);
            observation[0] = temperature - 20;
        }

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            temperature += action[0] - 0.1f;
            observation[0] = temperature - 20;
            return new StepResult(-MathF.Abs(observation[0]), false, ++step == 50); // Reward, Terminated, Truncated
        }
    }
}
