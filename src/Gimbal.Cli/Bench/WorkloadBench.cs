using System.Diagnostics;
using System.Text;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Bench;

/// <summary>What a piece of work took.</summary>
/// <param name="Work">Its name: <c>train</c>, <c>gen-greedy</c>, ...</param>
/// <param name="Batch">Sequences, pairs or completions.</param>
/// <param name="Tokens">Tokens that the rate counts: positions trained on, or tokens generated.</param>
/// <param name="Seconds">Time of each timed run.</param>
/// <param name="ArenaBytes">High-water mark of arenas, stores and caches; 0 where nothing counts it.</param>
internal sealed record WorkloadResult(string Work, int Batch, long Tokens, IReadOnlyList<double> Seconds, long ArenaBytes)
{
    /// <summary>Median of the runs.</summary>
    public double Median => Seconds.Order().ElementAt(Seconds.Count / 2);

    /// <summary>Tokens per second at the median.</summary>
    public double TokensPerSecond => Tokens / Median;
}

/// <summary>
/// Whole workloads on models of random weights and random tokens, through the public trainers and the public generation:
/// nothing here is faster than what a program of a user's runs.
/// </summary>
internal static class WorkloadBench
{
    private const int FirstRune = 0x10000;

    private static readonly Dictionary<string, Func<Device, WorkloadPlan, IEnumerable<WorkloadResult>>> Works = new()
    {
        ["train"] = (device, plan) => [Train(device, plan)],
        ["gen"] = Generate,
        ["dpo"] = (device, plan) => [Dpo(device, plan)],
        ["grpo"] = (device, plan) => [Grpo(device, plan)],
        ["ppo"] = (device, plan) => [Ppo(device, plan)],
        ["ppo-shared"] = (device, plan) => [SharedPpo(device, plan)],
    };

    /// <summary>Names of the works.</summary>
    public static IReadOnlyCollection<string> Names => Works.Keys;

    /// <summary>Times one work.</summary>
    public static IEnumerable<WorkloadResult> Run(Device device, string work, WorkloadPlan plan) => Works[work](device, plan);

    /// <summary>A language-model step: forward, cross entropy, backward, AdamW.</summary>
    private static WorkloadResult Train(Device device, WorkloadPlan plan)
    {
        Random random = new(1);
        using LanguageModel model = Model(device, plan);
        CompletionDataset data = new(Enumerable.Range(0, plan.Batch).Select(_ =>
            new CompletionExample("", "", Ids(random, plan, 1), Ids(random, plan, plan.Length))));
        using SftTrainer trainer = new(model, data, Options(new SftOptions { BatchSize = plan.Batch }, plan));
        return Steps("train", plan, (long)plan.Batch * plan.Length, trainer.TrainAsync);
    }

    /// <summary>A step on pairs whose first half is the prompt; the reference is forwarded in every step.</summary>
    private static WorkloadResult Dpo(Device device, WorkloadPlan plan)
    {
        Random random = new(1);
        int prompt = plan.Length / 2 + 1, completion = plan.Length + 1 - prompt;
        using LanguageModel model = Model(device, plan);
        PreferenceDataset data = new(Enumerable.Range(0, plan.Batch).Select(_ => new PreferenceExample("", "", "",
            Ids(random, plan, prompt), Ids(random, plan, completion), Ids(random, plan, completion))));
        using DpoTrainer trainer = new(model, data,
            Options(new DpoOptions { BatchSize = plan.Batch, PrecomputeReference = false }, plan));
        return Steps("dpo", plan, 2L * plan.Batch * plan.Length, trainer.TrainAsync);
    }

    /// <summary>Sampling, log-probabilities of the reference, and one update.</summary>
    private static WorkloadResult Grpo(Device device, WorkloadPlan plan)
    {
        int prompts = Math.Max(1, plan.Batch / plan.Group);
        using LanguageModel model = Model(device, plan);
        using GrpoTrainer trainer = new(model, Prompts(plan, prompts), Judge(), Options(new GrpoOptions
        {
            PromptsPerStep = prompts,
            GroupSize = plan.Group,
            Sampling = new SamplingOptions { MaxNewTokens = plan.New },
        }, plan));
        return Steps("grpo", plan, (long)prompts * plan.Group * plan.New, trainer.TrainAsync);
    }

    /// <summary>Sampling, values, log-probabilities of the reference, advantages, and one update of policy and value model.</summary>
    private static WorkloadResult Ppo(Device device, WorkloadPlan plan)
    {
        using LanguageModel model = Model(device, plan);
        using ScoreModel value = ScoreModel.From(model);
        using PpoTrainer trainer = new(model, value, Prompts(plan, plan.Batch), Judge(), Actor(plan));
        return Steps("ppo", plan, (long)plan.Batch * plan.New, trainer.TrainAsync);
    }

    /// <summary>The same with policy and value function on one trunk, and an entropy bonus.</summary>
    private static WorkloadResult SharedPpo(Device device, WorkloadPlan plan)
    {
        LanguageModel start = Model(device, plan);
        using LanguageModel model = start.WithValueHead();
        start.Dispose();
        using PpoTrainer trainer = new(model, null, Prompts(plan, plan.Batch), Judge(),
            Actor(plan) with { SharedTrunk = true, ValueCoefficient = 0.5f, EntropyCoefficient = 0.01f });
        return Steps("ppo-shared", plan, (long)plan.Batch * plan.New, trainer.TrainAsync);
    }

    private static PpoOptions Actor(WorkloadPlan plan) => Options(new PpoOptions
    {
        Rollouts = plan.Batch,
        Epochs = 1,
        Gamma = 0.99f,
        Sampling = new SamplingOptions { MaxNewTokens = plan.New },
    }, plan);

    private static IEnumerable<WorkloadResult> Generate(Device device, WorkloadPlan plan)
    {
        Random random = new(1);
        using LanguageModel model = Model(device, plan);
        foreach (int batch in plan.GenerationBatches)
        {
            int[][] prompts = [.. Enumerable.Range(0, batch).Select(_ => Ids(random, plan, plan.Prompt))];
            foreach ((string name, float temperature) in new[] { ("gen-greedy", 0f), ("gen-sampled", 1f) })
            {
                SamplingOptions sampling = new() { Temperature = temperature, MaxNewTokens = plan.New };
                List<double> seconds = [];
                for (int run = 0; run < plan.Warmup + plan.Repeats; run++)
                {
                    long began = Stopwatch.GetTimestamp();
                    model.Generate(prompts, sampling, new DrawKey(1, (ulong)run, 0));
                    seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
                }

                yield return new WorkloadResult(name, batch, (long)batch * plan.New, seconds[plan.Warmup..],
                    model.Store.Bytes + model.GenerationBytes);
            }
        }
    }

    private static WorkloadResult Steps(string work, WorkloadPlan plan, long tokens,
        Func<IProgress<TrainingProgress>, CancellationToken, Task<TrainingResult>> train)
    {
        StepTimes times = new();
        TrainingResult result = train(times, CancellationToken.None).GetAwaiter().GetResult();
        return new WorkloadResult(work, plan.Batch, tokens, times.Seconds[plan.Warmup..], result.PeakBytes);
    }

    private static T Options<T>(T options, WorkloadPlan plan) where T : TrainerOptions => options with
    {
        MaxSteps = plan.Warmup + plan.Repeats,
        MicroBatch = plan.MicroBatch,
        LogEvery = int.MaxValue,
        Optimizer = new OptimizerOptions
        {
            Beta2 = 0.95f,
            WeightDecay = 0.1f,
            MaxGradientNorm = 0,
            Schedule = LearningRateSchedule.Constant,
        },
    };

    private static LanguageModel Model(Device device, WorkloadPlan plan)
    {
        ModelConfig config = WorkloadPlan.Shapes[plan.Model];
        // A character for every id, so that any token has a text; none ends a completion.
        StringBuilder alphabet = new();
        for (int id = 0; id < config.VocabularySize; id++)
            alphabet.Append(new Rune(FirstRune + id));
        return new LanguageModel(config, new CharacterTokenizer(alphabet.ToString(), pad: null, bos: null, eos: null), device, seed: 1, dtype: (DType)plan.Dtype);
    }

    private static PromptDataset Prompts(WorkloadPlan plan, int count)
    {
        Random random = new(1);
        return new PromptDataset(Enumerable.Range(0, count).Select(_ => new PromptExample("", Ids(random, plan, plan.Prompt))));
    }

    private static IReward Judge() => Reward.Create(static sample =>
    {
        int counted = 0;
        foreach (int id in sample.CompletionIds.Span)
            counted += id % 7 == 0 ? 1 : 0;
        return (float)counted / sample.CompletionIds.Length;
    });

    private static int[] Ids(Random random, WorkloadPlan plan, int count)
    {
        int[] ids = new int[count];
        foreach (ref int id in ids.AsSpan())
            id = random.Next(WorkloadPlan.Shapes[plan.Model].VocabularySize);
        return ids;
    }

    /// <summary>Keeps the time of every step.</summary>
    private sealed class StepTimes : IProgress<TrainingProgress>
    {
        public List<double> Seconds { get; } = [];

        public void Report(TrainingProgress value) => Seconds.Add(value.Metrics["step_time"]);
    }
}
