using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Cli.Compare;

/// <summary>The options of everything that <c>gimbal compare</c> runs.</summary>
internal sealed record ComparePlan
{
    public required CompareOptions Compare { get; init; }

    public required ModelOptions Model { get; init; }

    public required SftOptions Sft { get; init; }

    public required RewardOptions RewardModel { get; init; }

    public required PpoOptions Ppo { get; init; }

    public required DpoOptions Dpo { get; init; }

    public required GrpoOptions Grpo { get; init; }

    /// <summary>Defaults of a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="isQuick">At most 5 GFLOP in all, enough to run every part and too little to learn.</param>
    public static ComparePlan For(CompareTaskKind task, bool isQuick) =>
        task == CompareTaskKind.Stories ? isQuick ? QuickStories : Stories : isQuick ? QuickSums : Sums;

    /// <summary>The plan as keys: <c>compare.*</c>, and each trainer's under its name.</summary>
    public OptionLayers ToLayers() => new OptionLayers()
        .Add(new RunOptions()).Add(Model).Add(Compare)
        .Add(Sft, "sft").Add(RewardModel, "reward_model").Add(Ppo, "ppo").Add(Dpo, "dpo").Add(Grpo, "grpo");

    /// <summary>The plan that layers hold.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public static ComparePlan From(OptionLayers layers) => new()
    {
        Compare = layers.Get<CompareOptions>(),
        Model = layers.Get<ModelOptions>(),
        Sft = layers.Get<SftOptions>("sft"),
        RewardModel = layers.Get<RewardOptions>("reward_model"),
        Ppo = layers.Get<PpoOptions>("ppo"),
        Dpo = layers.Get<DpoOptions>("dpo"),
        Grpo = layers.Get<GrpoOptions>("grpo"),
    };

    private static OptimizerOptions Adam(float learningRate, LearningRateSchedule schedule = LearningRateSchedule.Linear, int warmup = 0) => new()
    {
        LearningRate = learningRate,
        Beta2 = 0.95f,
        Schedule = schedule,
        WarmupSteps = warmup,
    };

    private static ComparePlan Sums => new()
    {
        Compare = new CompareOptions(),
        Model = new ModelOptions(),
        Sft = new SftOptions { MaxSteps = 400, BatchSize = 256, Optimizer = Adam(1e-3f, LearningRateSchedule.Cosine, 50) },
        RewardModel = new RewardOptions { MaxSteps = 300, BatchSize = 128, Optimizer = Adam(6e-4f, warmup: 30) with { WeightDecay = 0.1f } },
        Ppo = new PpoOptions
        {
            MaxSteps = 60,
            Rollouts = 256,
            Epochs = 2,
            KlCoefficient = 0.1f,
            ValueLearningRate = 3e-4f,
            ValueCoefficient = 1,
            ValueWarmupSteps = 5,
            Optimizer = Adam(5e-5f),
            Sampling = new SamplingOptions { MaxNewTokens = SumsTask.MaxCompletionTokens },
        },
        Dpo = new DpoOptions { MaxSteps = 50, BatchSize = 128, Beta = 0.3f, Optimizer = Adam(3e-5f) },
        Grpo = new GrpoOptions
        {
            MaxSteps = 80,
            PromptsPerStep = 64,
            GroupSize = 8,
            Beta = 0.08f,
            Optimizer = Adam(5e-5f),
            Sampling = new SamplingOptions { MaxNewTokens = SumsTask.MaxCompletionTokens },
        },
    };

    private static ComparePlan QuickSums => Sums with
    {
        Model = new ModelOptions { Width = 32, Layers = 1 },
        Compare = new CompareOptions
        {
            Demonstrations = 2560,
            PairPrompts = 256,
            PairSamples = 8,
            CurvePrompts = 16,
            CurvePoints = 2,
            Problems = 64,
        },
        Sft = Sums.Sft with { MaxSteps = 40, BatchSize = 64, Optimizer = Adam(1e-2f, LearningRateSchedule.Cosine, 4) },
        RewardModel = Sums.RewardModel with { MaxSteps = 4, BatchSize = 8 },
        Ppo = Sums.Ppo with { MaxSteps = 3, Rollouts = 16, ValueWarmupSteps = 1 },
        Dpo = Sums.Dpo with { MaxSteps = 3, BatchSize = 8 },
        Grpo = Sums.Grpo with { MaxSteps = 3, PromptsPerStep = 4, GroupSize = 4 },
    };

    private static ComparePlan Stories => new()
    {
        Model = new ModelOptions(),
        Compare = new CompareOptions { Task = CompareTaskKind.Stories, PairPrompts = 800, PairSamples = 32, PairsPerPrompt = 16, CurvePrompts = 78, Controls = false },
        Sft = new SftOptions(),
        RewardModel = new RewardOptions { MaxSteps = 300, BatchSize = 32, Optimizer = Adam(1e-3f) },
        Ppo = new PpoOptions
        {
            MaxSteps = 40,
            Rollouts = 64,
            Epochs = 2,
            KlCoefficient = 0.03f,
            ValueLearningRate = 1e-3f,
            ValueCoefficient = 1,
            ValueWarmupSteps = 5,
            Optimizer = Adam(3e-4f),
            Sampling = new SamplingOptions { MaxNewTokens = StoriesTask.MaxCompletionTokens },
        },
        Dpo = new DpoOptions { MaxSteps = 190, BatchSize = 64, Beta = 0.2f, Optimizer = Adam(1.5e-4f) },
        Grpo = new GrpoOptions
        {
            MaxSteps = 70,
            PromptsPerStep = 16,
            GroupSize = 8,
            InnerEpochs = 2,
            Beta = 0.1f,
            Optimizer = Adam(5e-5f, LearningRateSchedule.Constant),
            Sampling = new SamplingOptions { MaxNewTokens = StoriesTask.MaxCompletionTokens },
        },
    };

    private static ComparePlan QuickStories => Stories with
    {
        Compare = Stories.Compare with { CurvePrompts = 4, CurvePoints = 2, Problems = 4, PairPrompts = 8, PairSamples = 2 },
        RewardModel = Stories.RewardModel with { MaxSteps = 1, BatchSize = 4 },
        Ppo = Stories.Ppo with { MaxSteps = 1, Rollouts = 4, ValueWarmupSteps = 0 },
        Dpo = Stories.Dpo with { MaxSteps = 1, BatchSize = 4 },
        Grpo = Stories.Grpo with { MaxSteps = 1, PromptsPerStep = 2, GroupSize = 2 },
    };
}
