using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>Loads what a configuration names: models, prompts, examples, pairs, rewards.</summary>
internal static class TrainingInputs
{
    /// <summary>Name of the task in summaries.</summary>
    public static string TaskName(OptionLayers layers)
    {
        DataOptions data = layers.Get<DataOptions>();
        return data.Task ?? Path.GetFileNameWithoutExtension(data.Data) ?? "data";
    }

    /// <summary>The model to start from; the sums task makes one of its own where no folder is named.</summary>
    /// <exception cref="InvalidConfigException">No folder is named and the task makes none.</exception>
    public static LanguageModel Model(OptionLayers layers, Device device, ulong seed)
    {
        ModelOptions model = layers.Get<ModelOptions>();
        if (model.Path is { } path)
            return LanguageModel.Load(path, device, dtype: (DType)model.Dtype);
        return layers.Get<DataOptions>().Task == "sums" ? SumsInputs.CreateModel(device, seed, model)
            : throw new InvalidConfigException("model.path", "is needed; give the model's folder with --model.");
    }

    /// <summary>The frozen reference that the configuration names, or null: the start is the reference.</summary>
    public static LanguageModel? Reference(OptionLayers layers, Device device) =>
        layers.Get<ModelOptions>().Reference is { } path ? LanguageModel.Load(path, device, trainable: false, TypeOf(layers)) : null;

    /// <summary>Element type of the run's models.</summary>
    public static DType TypeOf(OptionLayers layers) => (DType)layers.Get<ModelOptions>().Dtype;

    /// <summary>Examples to imitate.</summary>
    public static CompletionDataset Completions(OptionLayers layers, ulong seed, int count)
    {
        DataOptions data = layers.Get<DataOptions>();
        return data.Task switch
        {
            "sums" => new SumsTask(seed).Demonstrations(count),
            null => new CompletionDataset(First(CompletionDataset.FromJsonl(Needed(data)), data.Rows)),
            _ => throw new InvalidConfigException("task", $"'{data.Task}' has no examples to imitate; name a file in train.data."),
        };
    }

    /// <summary>Preference pairs, and those held out.</summary>
    public static (PreferenceDataset Train, PreferenceDataset HeldOut) Pairs(OptionLayers layers, ulong seed)
    {
        DataOptions data = layers.Get<DataOptions>();
        EvalOptions eval = layers.Get<EvalOptions>();
        PreferenceDataset all = data.Task switch
        {
            "sums" => SumsInputs.Pairs(new SumsTask(seed).Train),
            "stories" => Stories(layers).Pairs!,
            _ => PreferenceDataset.FromJsonl(Needed(data)),
        };
        all = new PreferenceDataset(First(all, data.Rows));
        if (eval.Data is { } file)
            return (all, PreferenceDataset.FromJsonl(file));
        (IEnumerable<PreferenceExample> train, IEnumerable<PreferenceExample> heldOut) = Split(all, eval.Holdout);
        return (new PreferenceDataset(train), new PreferenceDataset(heldOut));
    }

    /// <summary>Completions with labels: those of a file, or both sides of a task's pairs.</summary>
    public static LabelledDataset Labelled(OptionLayers layers, ulong seed)
    {
        DataOptions data = layers.Get<DataOptions>();
        return data.Task is null
            ? new LabelledDataset(First(LabelledDataset.FromJsonl(Needed(data)), data.Rows))
            : LabelledDataset.FromPairs(Pairs(layers, seed).Train);
    }

    /// <summary>Prompts, those held out, and the reward of their completions.</summary>
    /// <param name="layers">The configuration.</param>
    /// <param name="device">Where a reward model lives.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="job">Owns a reward model.</param>
    public static (PromptDataset Train, PromptDataset HeldOut, IReward Reward) Prompts(OptionLayers layers, Device device, ulong seed, TrainingJob job)
    {
        DataOptions data = layers.Get<DataOptions>();
        EvalOptions eval = layers.Get<EvalOptions>();
        RewardFunctionOptions options = layers.Has<RewardFunctionOptions>() ? layers.Get<RewardFunctionOptions>() : new();
        IReward? model = options.Kind == RewardKind.Model ? Reward.FromOptions(options, device, TypeOf(layers)) : null;
        if (model is IDisposable owned)
            job.Own(owned);
        switch (data.Task)
        {
            case "sums":
                SumsTask sums = new(seed);
                return (new PromptDataset(First(sums.Train, data.Rows)), Take(sums.HeldOut, eval.Problems), model ?? Limited(sums.Reward, options));
            case "stories":
                StoriesTask stories = Stories(layers);
                return (new PromptDataset(First(stories.Train, data.Rows)), Take(stories.HeldOut, eval.Problems), model ?? Limited(stories.Reward, options));
            default:
                PromptDataset all = new PromptDataset(First(PromptDataset.FromJsonl(Needed(data)), data.Rows));
                IReward reward = model ?? Reward.FromOptions(options);
                if (eval.Data is { } file)
                    return (all, Take(PromptDataset.FromJsonl(file), eval.Problems), reward);
                (IEnumerable<PromptExample> train, IEnumerable<PromptExample> heldOut) = Split(all, eval.Holdout);
                return (new PromptDataset(train), Take(new PromptDataset(heldOut), eval.Problems), reward);
        }
    }

    /// <summary>Tokens a judged completion of a built-in task may have.</summary>
    public static int JudgedTokens(OptionLayers layers) =>
        layers.Get<DataOptions>().Task == "stories" ? StoriesTask.MaxCompletionTokens : SumsTask.MaxCompletionTokens;

    /// <summary>Judges a policy on held-out prompts: the most likely completions where the reward says right or wrong, samples always.</summary>
    public static Judged Judge(PolicyJudge judge, LanguageModel policy, int prompts)
    {
        Judgement greedy = judge.Greedy(policy);
        Judgement drawn = judge.Sample(policy, prompts, perPrompt: 1, draw: 0);
        bool isVerifier = greedy.Rewards.All(reward => reward is 0 or 1);
        return new Judged(isVerifier ? new Compare.Proportion(greedy.Right, greedy.Count) : null, drawn.Reward, drawn.Kl);
    }

    private static IReward Limited(IReward reward, RewardFunctionOptions options) =>
        options.TimeoutSeconds > 0 ? Reward.WithTimeLimit(reward, TimeSpan.FromSeconds(options.TimeoutSeconds)) : reward;

    private static StoriesTask Stories(OptionLayers layers)
    {
        string model = layers.Get<ModelOptions>().Path
            ?? throw new InvalidConfigException("model.path", "is needed by the stories task; give the model's folder with --model.");
        return StoriesTask.Load(Path.Combine(model, "..", ".."));
    }

    private static string Needed(DataOptions data) => data.Data
        ?? throw new InvalidConfigException("train.data", "is needed; name a JSONL file, or a built-in task with --task.");

    private static PromptDataset Take(PromptDataset prompts, int count) => new(First(prompts, count));

    /// <summary>The first rows; 0: all.</summary>
    private static IEnumerable<T> First<T>(IReadOnlyList<T> rows, int count) => count == 0 ? rows : rows.Take(count);

    /// <summary>Every so-many-th row is held out, at least one where there are two.</summary>
    private static (IEnumerable<T> Train, IEnumerable<T> HeldOut) Split<T>(IReadOnlyList<T> rows, float share)
    {
        int every = share <= 0 ? rows.Count : Math.Max(2, (int)Math.Round(1 / share));
        if (rows.Count < 2)
            return (rows, rows);
        every = Math.Min(every, rows.Count);
        return (rows.Where((_, row) => row % every != every - 1), rows.Where((_, row) => row % every == every - 1));
    }
}
