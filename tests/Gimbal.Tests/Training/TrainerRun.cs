using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>A few steps of any language-model trainer on the data of <see cref="TrainerSubject"/>, and what came of them.</summary>
/// <param name="Losses">Loss of each step.</param>
/// <param name="Weights">Of the trained model, float32, without the gaps of the store.</param>
/// <param name="Moment">Its first moment, as the weights.</param>
internal sealed record TrainerRun(IReadOnlyList<float> Losses, float[] Weights, float[] Moment)
{
    /// <summary>Names that <see cref="Of"/> takes.</summary>
    public static TheoryData<string> Trainers => ["sft", "sft of GPT-2", "reward", "dpo", "kto", "grpo", "ppo", "ppo on a shared trunk"];

    /// <summary>Trains on the device of <see cref="TestDevice"/>; a sampled rollout must be exactly on-policy.</summary>
    /// <param name="trainer">Which.</param>
    /// <param name="dtype">Of the models.</param>
    /// <param name="steps">How many.</param>
    /// <param name="output">Run folder; null: none.</param>
    /// <param name="stopAfter">Cancels after so many steps; 0: never.</param>
    /// <param name="resume">Goes on in the run folder.</param>
    public static TrainerRun Of(string trainer, DType dtype = DType.Float32, int steps = 3, string? output = null,
        int stopAfter = 0, bool resume = false)
    {
        using TrainerSubject subject = new(dtype: dtype);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Watch watch = new(stopAfter, stop);
        LanguageModel model = subject.Model(family: trainer == "sft of GPT-2" ? ModelFamily.Gpt2 : ModelFamily.Llama);
        OptimizerOptions adam = TrainerSubject.Adam;
        switch (trainer)
        {
            case "sft" or "sft of GPT-2":
                using (SftTrainer sft = new(model, subject.Examples, new SftOptions
                { MaxSteps = steps, BatchSize = 4, MicroBatch = 3, NeftuneAlpha = 1, Optimizer = adam, Output = output, Resume = resume }))
                    return Finish(sft.TrainAsync(watch, stop.Token), model.Store, sampled: false);
            case "reward":
                ScoreModel scorer = subject.Scorer();
                using (RewardTrainer reward = new(scorer, subject.Pairs, new RewardOptions
                { MaxSteps = steps, BatchSize = 3, Optimizer = adam, Output = output, Resume = resume }))
                    return Finish(reward.TrainAsync(watch, stop.Token), scorer.Store, sampled: false);
            case "dpo":
                using (DpoTrainer dpo = new(model, subject.Pairs, new DpoOptions
                { MaxSteps = steps, BatchSize = 3, Optimizer = adam, Output = output, Resume = resume }))
                    return Finish(dpo.TrainAsync(watch, stop.Token), model.Store, sampled: false);
            case "kto":
                using (KtoTrainer kto = new(model, LabelledDataset.FromPairs(subject.Pairs), new KtoOptions
                { MaxSteps = steps, BatchSize = 4, Optimizer = adam, Output = output, Resume = resume }))
                    return Finish(kto.TrainAsync(watch, stop.Token), model.Store, sampled: false);
            case "grpo":
                using (GrpoTrainer grpo = new(model, subject.Prompts, subject.Reward, new GrpoOptions
                {
                    MaxSteps = steps,
                    Seed = 1, // of those whose draws bfloat16 leaves alone
                    PromptsPerStep = 2,
                    GroupSize = 3,
                    MicroBatch = 4,
                    Beta = 0.1f,
                    Optimizer = adam,
                    Sampling = TrainerSubject.Sampling,
                    Output = output,
                    Resume = resume,
                }))
                    return Finish(grpo.TrainAsync(watch, stop.Token), model.Store, sampled: true);
            case "ppo on a shared trunk":
                model = subject.SharedTrunk();
                using (PpoTrainer ppo = new(model, null, subject.Prompts, subject.Reward, TrainerInvarianceTests.PpoOptions(3) with
                { MaxSteps = steps, Rollouts = 4, SharedTrunk = true, EntropyCoefficient = 0.01f, Output = output, Resume = resume }))
                    return Finish(ppo.TrainAsync(watch, stop.Token), model.Store, sampled: true);
            default:
                using (PpoTrainer ppo = new(model, subject.Scorer(), subject.Prompts, subject.Reward,
                    TrainerInvarianceTests.PpoOptions(3) with { MaxSteps = steps, Rollouts = 4, Output = output, Resume = resume }))
                    return Finish(ppo.TrainAsync(watch, stop.Token), model.Store, sampled: true);
        }

        TrainerRun Finish(Task<TrainingResult> training, ParameterStore store, bool sampled)
        {
            try
            {
                TrainingResult result = training.GetAwaiter().GetResult();
                Assert.Equal(0, result.MismatchBits);
                Assert.Equal(sampled, result.ComparedTokens > 0);
            }
            catch (OperationCanceledException) when (stopAfter > 0)
            {
            }

            return new TrainerRun(watch.Losses, [.. store.Parameters.SelectMany(parameter => parameter.Read())],
                [.. store.Parameters.SelectMany(parameter => MomentOf(store, parameter))]);
        }
    }

    /// <summary>The first moment of a parameter: after one step without clipping a tenth of its gradient.</summary>
    internal static float[] MomentOf(ParameterStore store, Parameter parameter) => store.FirstMoment
        .RowRange((parameter.Master.Address - store.Weights.Address) / sizeof(float), parameter.Shape.Count).ToArray<float>();

    private sealed class Watch(int stopAfter, CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public List<float> Losses { get; } = [];

        public void Report(TrainingProgress value)
        {
            Losses.Add((float)value.Metrics[MetricNames.Loss]);
            if (Losses.Count == stopAfter)
            {
                stop.Cancel();
            }
        }
    }
}
