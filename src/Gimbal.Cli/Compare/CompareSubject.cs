using Gimbal.Cli.Commands;
using Gimbal.Cli.Report;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;
using Microsoft.Extensions.Logging;

namespace Gimbal.Cli.Compare;

/// <summary>What the methods of a comparison share: the start, the prompts, the judge's reward, the pairs.</summary>
internal sealed record CompareSubject : IDisposable
{
    public required string Task { get; init; }

    /// <summary>The frozen model that every method starts from.</summary>
    public required LanguageModel Start { get; init; }

    /// <summary>How the start came about; null where it was given.</summary>
    public StartStage? Training { get; init; }

    /// <summary>Its training data, for the control of more of the same; null where there is none.</summary>
    public CompletionDataset? Demonstrations { get; init; }

    public required PromptDataset Train { get; init; }

    public required PromptDataset HeldOut { get; init; }

    /// <summary>The verifier.</summary>
    public required IReward Reward { get; init; }

    /// <summary>Pairs to learn from, and pairs of other prompts to judge the reward model on.</summary>
    public required PreferenceDataset Pairs { get; init; }

    public required PreferenceDataset HeldOutPairs { get; init; }

    public required int MaxNewTokens { get; init; }

    /// <summary>True if a completion is right or wrong, so that the most likely ones give an accuracy.</summary>
    public required bool HasAccuracy { get; init; }

    /// <summary>Samples of each held-out prompt by which the reward is judged.</summary>
    public required int JudgedSamples { get; init; }

    public required string AccuracyMeaning { get; init; }

    public required string RewardMeaning { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Two-digit sums: the model is made here, by SFT on partly wrong demonstrations.</summary>
    public static async Task<CompareSubject> SumsAsync(ComparePlan plan, StageStore stages, Device device, ulong seed, ILoggerFactory loggers,
        Func<string, int, IProgress<TrainingProgress>> watch, CancellationToken cancellationToken)
    {
        SumsTask task = new(seed);
        PromptDataset problems = new(task.HeldOut.Take(plan.Compare.Problems));
        CompletionDataset demonstrations = task.Demonstrations(plan.Compare.Demonstrations);
        (LanguageModel start, StartStage training) = await FineTuneAsync(plan, stages, task, problems, demonstrations, device, seed, loggers, watch, cancellationToken)
            .ConfigureAwait(false);
        IReadOnlyList<PreferenceExample> pairs = Rank(start, [.. task.Train.Take(plan.Compare.PairPrompts)], task.Reward, plan.Compare, SumsTask.MaxCompletionTokens, seed);
        IReadOnlyList<PreferenceExample> heldOut = Rank(start, [.. task.Tuning.Take(plan.Compare.PairPrompts)], task.Reward, plan.Compare, SumsTask.MaxCompletionTokens, seed + 1);
        return new CompareSubject
        {
            Task = "sums",
            Start = start,
            Training = training,
            Demonstrations = demonstrations,
            Train = task.Train,
            HeldOut = problems,
            Reward = task.Reward,
            Pairs = pairs.Count > 0 ? new PreferenceDataset(pairs) : SumsInputs.Pairs(task.Train),
            HeldOutPairs = heldOut.Count > 0 ? new PreferenceDataset(heldOut) : SumsInputs.Pairs(task.Tuning),
            MaxNewTokens = SumsTask.MaxCompletionTokens,
            HasAccuracy = true,
            JudgedSamples = 1,
            AccuracyMeaning = "held-out sums answered right, decoded greedily",
            RewardMeaning = "1 for the right answer, else 0",
            Notes =
            [
                "The demonstrations are wrong in a systematic way, so SFT decodes the common error greedily while its samples still hold right answers: " +
                "what reinforcement does here is mostly to reweight a minority mode that sampling already shows.",
                "Problems are split by unordered operand pair: no held-out pair was seen in training in either order.",
                "GRPO is paid by the verifier itself, PPO by a reward model of verifier-ranked pairs, DPO learns from those pairs.",
                .. pairs.Count > 0 ? [] : (string[])["No sample of the start was right, so that there was nothing to rank: the pairs set the right answer against the common error."],
            ],
        };
    }

    /// <summary>Story openings: a given model, a sentiment lexicon, pairs from a file or of the model's own samples.</summary>
    public static CompareSubject Stories(ComparePlan plan, string modelFolder, Device device, ulong seed)
    {
        string folder = plan.Compare.Data ?? Path.GetFullPath(Path.Combine(modelFolder, "..", ".."));
        StoriesTask task = StoriesTask.Load(folder);
        LanguageModel start = LanguageModel.Load(modelFolder, device, trainable: false, (DType)plan.Model.Dtype);
        IReadOnlyList<PreferenceExample> pairs = (plan.Compare.OwnPairs ? null : task.Pairs)
            ?? Rank(start, [.. task.Train.Take(plan.Compare.PairPrompts)], task.Reward, plan.Compare, StoriesTask.MaxCompletionTokens, seed);
        int heldOut = Math.Max(1, pairs.Count / 10);
        return new CompareSubject
        {
            Task = "stories",
            Start = start,
            Train = task.Train,
            HeldOut = new PromptDataset(task.HeldOut.Take(plan.Compare.Problems)),
            Reward = task.Reward,
            Pairs = new PreferenceDataset(pairs.Skip(heldOut)),
            HeldOutPairs = new PreferenceDataset(pairs.Take(heldOut)),
            MaxNewTokens = StoriesTask.MaxCompletionTokens,
            HasAccuracy = false,
            JudgedSamples = StoriesTask.SamplesPerPrompt,
            AccuracyMeaning = "",
            RewardMeaning = "sentiment of the continuation by the lexicon, each distinct word counted once, from -1 to 1",
            Notes =
            [
                "Judged on story openings that no method saw, several samples of each at temperature 1.",
                "Reward bought with a large KL is worth little: read the two columns together, and the stories below.",
            ],
        };
    }

    public void Dispose() => Start.Dispose();

    /// <summary>Makes the start of sums, or loads the one that a stopped comparison had made.</summary>
    private static async Task<(LanguageModel Start, StartStage Training)> FineTuneAsync(ComparePlan plan, StageStore stages, SumsTask task,
        PromptDataset problems, CompletionDataset demonstrations, Device device, ulong seed, ILoggerFactory loggers,
        Func<string, int, IProgress<TrainingProgress>> watch, CancellationToken cancellationToken)
    {
        const string Stage = "sft";
        string folder = stages.Folder(Stage);
        if (stages.TryLoad(Stage, StageJson.Default.StartStage, out StartStage? done))
            return (LanguageModel.Load(Path.Combine(folder, "model"), device, trainable: false, (DType)plan.Model.Dtype), done);

        using LanguageModel model = SumsInputs.CreateModel(device, seed, plan.Model);
        Judgement before;
        using (PolicyJudge judge = new(model, problems, task.Reward, SumsTask.MaxCompletionTokens))
            before = judge.Greedy(model);
        using SftTrainer trainer = new(model, demonstrations, plan.Sft with { Seed = seed, Output = folder, Resume = stages.IsStarted(Stage) }, loggers);
        TrainingResult training = await trainer.TrainAsync(watch(Stage, plan.Sft.MaxSteps), cancellationToken).ConfigureAwait(false);
        done = new StartStage(training, RunMetrics.Read(Path.Combine(folder, "metrics.jsonl")).Find(MetricNames.Loss) ?? [],
            new Proportion(before.Right, before.Count), before.Reward);
        stages.Save(Stage, done, StageJson.Default.StartStage);
        return (model.Clone(trainable: false), done);
    }

    private static IReadOnlyList<PreferenceExample> Rank(LanguageModel model, IReadOnlyList<PromptExample> prompts, IReward reward,
        CompareOptions options, int maxNewTokens, ulong seed)
    {
        Sampler sampler = new(model, new SamplingOptions { MaxNewTokens = maxNewTokens }, seed);
        (IReadOnlyList<Sample> samples, float?[] scores) = sampler.Draw(prompts, options.PairSamples, reward);
        return PreferencePairs.Rank(samples, scores, options.PairSamples, options.PairsPerPrompt);
    }
}
