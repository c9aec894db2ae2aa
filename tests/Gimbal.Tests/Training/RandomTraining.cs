using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>
/// A training step of random shape, all of it decided by the seed: model, data, batch, loss and its options. What a run shall be
/// compared with is the same step cut another way.
/// </summary>
internal sealed class RandomTraining(string trainer, int seed) : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private Random random = new(seed);

    /// <summary>Trainers that learn from rows of data, whose order must not matter.</summary>
    public static readonly string[] FromData = ["sft", "reward", "dpo", "kto"];

    /// <summary>Where the order of rows matters: KTO's own loss takes its shift from neighbours, noise depends on the place.</summary>
    public static readonly string[] FromPlaces = ["kto of neighbours", "sft with noise"];

    /// <summary>Trainers that learn from completions of their own.</summary>
    public static readonly string[] FromRollouts = ["grpo", "ppo", "ppo on a shared trunk"];

    /// <summary>How a step is cut; none of it may show in the result.</summary>
    /// <param name="Threads">Of the device.</param>
    /// <param name="MicroBatch">Sequences forwarded at a time; 0: all.</param>
    /// <param name="Reversed">The rows of the data backwards.</param>
    /// <param name="Passes">Over a rollout, by an optimizer that does not move.</param>
    /// <param name="Steps">Optimizer steps, that move if there are several.</param>
    /// <param name="Dtype">Of the models.</param>
    public sealed record Cut(int Threads = 1, int MicroBatch = 0, bool Reversed = false, int Passes = 1, int Steps = 1,
        DType Dtype = DType.Float32);

    /// <summary>Loss of the last step, and every moment of the gradients.</summary>
    public sealed record Outcome(double Loss, float[] Gradients);

    /// <summary>What the seed stands for, for the message of a failure.</summary>
    public string Description { get; private set; } = "";

    public void Dispose() => owned.ForEach(item => item.Dispose());

    public async Task<Outcome> Run(Cut cut)
    {
        random = new Random(seed);
        Device device = Own(TestDevice.Open(cut.Threads));
        LanguageModel model = Model(device, 1, cut.Dtype), other = Model(device, 2, cut.Dtype);
        int count = random.Next(3, 11);
        List<(string Prompt, string Better, string Worse)> rows =
            [.. Enumerable.Range(0, count).Select(_ => (Text(1, 5), Text(1, 7), Text(1, 7)))];
        if (cut.Reversed)
        {
            rows.Reverse();
        }

        OptimizerOptions optimizer = TrainerSubject.Adam with { Beta1 = 0, LearningRate = cut.Steps > 1 ? 0.01f : 0 };
        (TrainingResult result, ParameterStore[] stores) = trainer switch
        {
            "sft" or "sft with noise" => await Sft(),
            "reward" => await Score(),
            "dpo" => await Dpo(),
            "kto" or "kto of neighbours" => await Kto(),
            "grpo" => await Grpo(),
            _ => await Ppo(),
        };
        return new Outcome(result.Metrics[MetricNames.Loss], [.. stores.SelectMany(store => store.FirstMoment.ToArray<float>())]);

        Task<(TrainingResult, ParameterStore[])> Sft()
        {
            SftOptions options = Described(new SftOptions
            {
                MaxSteps = cut.Steps, BatchSize = count, CompletionOnly = Coin(), LabelSmoothing = Coin() ? 0.1f : 0,
                ZLoss = Coin() ? 0.01f : 0, NeftuneAlpha = trainer == "sft" ? 0 : 5,
            });
            CompletionDataset data = new(rows.Select(row => new CompletionExample(row.Prompt, row.Better)));
            options = options with { MicroBatch = cut.MicroBatch, Optimizer = optimizer };
            return Train(Own(new SftTrainer(model, data, options)).TrainAsync, model.Store);
        }

        Task<(TrainingResult, ParameterStore[])> Score()
        {
            ScoreModel scorer = Scorer(model);
            RewardOptions options = Described(new RewardOptions { MaxSteps = cut.Steps, BatchSize = count, Center = Coin() ? 0.05f : 0 });
            options = options with { MicroBatch = cut.MicroBatch, Optimizer = optimizer };
            return Train(Own(new RewardTrainer(scorer, Pairs(), options)).TrainAsync, scorer.Store);
        }

        Task<(TrainingResult, ParameterStore[])> Dpo()
        {
            DpoOptions options = Described(new DpoOptions
            {
                MaxSteps = cut.Steps, BatchSize = count, Beta = 0.1f + random.NextSingle(), LabelSmoothing = 0.1f,
                LengthNormalized = Coin(), ReferenceFree = Coin(), Loss = Pick("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "bco_pair",
                    "apo_zero", "apo_down", "sppo_hard", "aot", "discopop", "sigmoid:0.8, sft"),
            });
            options = options with { MicroBatch = cut.MicroBatch, Optimizer = optimizer };
            return Train(Own(new DpoTrainer(model, Pairs(), options, reference: other)).TrainAsync, model.Store);
        }

        Task<(TrainingResult, ParameterStore[])> Kto()
        {
            KtoOptions options = Described(new KtoOptions
            {
                MaxSteps = cut.Steps, BatchSize = count, UndesirableWeight = 0.5f + random.NextSingle(),
                Loss = trainer == "kto" ? Pick(UnpairedLossKind.Bco, UnpairedLossKind.ApoZero) : UnpairedLossKind.Kto,
            });
            LabelledDataset data = new(rows.Select(row =>
                new LabelledExample(row.Prompt, row.Better, row.Better.Length > row.Worse.Length)));
            options = options with { MicroBatch = cut.MicroBatch, Optimizer = optimizer };
            return Train(Own(new KtoTrainer(model, data, options, reference: other)).TrainAsync, model.Store);
        }

        Task<(TrainingResult, ParameterStore[])> Grpo()
        {
            PolicyLossKind loss = Pick(PolicyLossKind.Clip, PolicyLossKind.Cispo, PolicyLossKind.Sapo, PolicyLossKind.Vespo);
            GrpoOptions options = Described(new GrpoOptions
            {
                MaxSteps = cut.Steps, PromptsPerStep = random.Next(1, 4), GroupSize = random.Next(2, 6), Loss = loss,
                Beta = Coin() ? 0.1f : 0, SamplingRounds = random.Next(1, 4),
                Ratio = loss != PolicyLossKind.Clip ? RatioLevel.Token
                    : Pick(RatioLevel.Token, RatioLevel.Sequence, RatioLevel.SequenceToken, RatioLevel.SequenceSum),
                Baseline = Pick(AdvantageBaseline.Group, AdvantageBaseline.LeaveOneOut, AdvantageBaseline.None), WhitenAdvantages = Coin(),
                Scale = Pick(AdvantageScale.None, AdvantageScale.Group, AdvantageScale.Batch), EntropyCoefficient = Coin() ? 0.01f : 0,
                Normalizer = Pick(LossNormalizer.Tokens, LossNormalizer.Sequences, LossNormalizer.SequenceSums, LossNormalizer.MaxTokens),
                KlPlacement = Pick(KlPlacement.Loss, KlPlacement.Reward, KlPlacement.TokenReward), KlEstimator = AnyEstimator(),
                Sampling = new SamplingOptions { MaxNewTokens = random.Next(2, 8), Temperature = 0.5f + random.NextSingle() },
            });
            options = options with { MicroBatch = cut.MicroBatch, InnerEpochs = cut.Passes, Optimizer = optimizer };
            return Train(Own(new GrpoTrainer(model, Prompts(), Reward, options, reference: other)).TrainAsync, model.Store);
        }

        Task<(TrainingResult, ParameterStore[])> Ppo()
        {
            bool isShared = trainer != "ppo";
            LanguageModel policy = isShared ? Own(model.WithValueHead()) : model;
            ScoreModel? value = isShared ? null : Scorer(other);
            PpoOptions options = Described(new PpoOptions
            {
                MaxSteps = cut.Steps, Rollouts = random.Next(2, 10), Lambda = random.NextSingle(), WhitenAdvantages = Coin(),
                WhitenRewards = Coin(), KlEstimator = AnyEstimator(), SharedTrunk = isShared,
                ScorePosition = isShared ? ScorePosition.Last : Pick(ScorePosition.Last, ScorePosition.AfterLast),
                Normalizer = Pick(LossNormalizer.Tokens, LossNormalizer.Sequences), EntropyCoefficient = Coin() ? 0.01f : 0,
                MissingEosPenalty = Coin() ? 1 : 0, Sampling = new SamplingOptions { MaxNewTokens = random.Next(2, 8) },
            });
            options = options with { MicroBatch = cut.MicroBatch, Epochs = cut.Passes, Optimizer = optimizer };
            PpoTrainer ppo = Own(new PpoTrainer(policy, value, Prompts(), Reward, options, reference: Model(device, 3, cut.Dtype)));
            return Train(ppo.TrainAsync, value is null ? [policy.Store] : [policy.Store, value.Store]);
        }

        PreferenceDataset Pairs() => new(rows.Select(row => new PreferenceExample(row.Prompt, row.Better, row.Worse)));

        PromptDataset Prompts() => new(rows.Select(row => new PromptExample(row.Prompt)));
    }

    /// <summary>Log-probabilities of random completions under the random model: all at once, alone, backwards, in pieces.</summary>
    public float[] Logprobs(int threads, int microBatch, bool reversed, DType dtype)
    {
        random = new Random(seed);
        LanguageModel model = Model(Own(TestDevice.Open(threads)), 1, dtype);
        TokenSequence[] sequences = [.. Enumerable.Range(0, 9).Select(_ => TokenSequence.Of(model, Text(1, 6), Text(1, 9), null, null))];
        int[] starts = [0, .. sequences.Select((_, i) => sequences[..(i + 1)].Sum(sequence => sequence.CompletionLength))];
        int[] order = [.. Enumerable.Range(0, sequences.Length)];
        order = reversed ? [.. order.Reverse()] : order;
        float[] found = new float[starts[^1]], sorted = new float[starts[^1]];
        using PolicyPass pass = new(model.Device, MemoryPlan.TrainingBytes(model, sequences.Length, 16));
        pass.Logprobs(model, [.. order.Select(i => sequences[i])], 1, microBatch, found);
        int next = 0;
        foreach (int i in order)
        {
            found.AsSpan(next, sequences[i].CompletionLength).CopyTo(sorted.AsSpan(starts[i]));
            next += sequences[i].CompletionLength;
        }

        return sorted;
    }

    private static IReward Reward { get; } = Gimbal.Training.Reward.Create(sample => sample.CompletionIds.ToArray().Sum() % 5 / 5f);

    private delegate Task<TrainingResult> Training(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken);

    private static async Task<(TrainingResult, ParameterStore[])> Train(Training train, params ParameterStore[] stores) =>
        (await train(null, TestContext.Current.CancellationToken), stores);

    private LanguageModel Model(Device device, ulong weights, DType dtype)
    {
        CharacterTokenizer tokenizer = new("0123456789+=", bos: null);
        Random shape = new(seed); // the same for the models of a run
        bool isLlama = shape.Next(2) == 0;
        int keyValueHeads = shape.Next(1, 3), headDim = 2 * shape.Next(1, 7);
        int queryHeads = isLlama ? keyValueHeads * shape.Next(1, 4) : keyValueHeads;
        return Own(new LanguageModel(new ModelConfig
        {
            Family = isLlama ? ModelFamily.Llama : ModelFamily.Gpt2,
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = isLlama ? shape.Next(5, 40) : queryHeads * headDim,
            IntermediateSize = shape.Next(5, 60),
            Layers = shape.Next(1, 4),
            QueryHeads = queryHeads,
            KeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            MaxPositions = 16,
            TieEmbeddings = shape.Next(2) == 0,
            AttentionBias = shape.Next(2) == 0,
            Activation = isLlama ? Activation.Silu : Activation.Gelu,
        }, tokenizer, device, weights, dtype: dtype));
    }

    private ScoreModel Scorer(LanguageModel body)
    {
        ScoreModel scorer = Own(ScoreModel.From(body));
        float[] head = new float[scorer.Head.Shape.Count];
        Philox.Normal(head, 0.3f, (ulong)seed, 77);
        scorer.Head.Write(0, head);
        scorer.Store.Touch();
        return scorer;
    }

    private TOptions Described<TOptions>(TOptions options) where TOptions : TrainerOptions
    {
        Description = $"{trainer}, seed {seed}: {options}";
        return options;
    }

    private string Text(int least, int most) =>
        string.Concat(Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => "0123456789+="[random.Next(12)]));

    private KlEstimator AnyEstimator() => Pick(KlEstimator.K1, KlEstimator.K2, KlEstimator.K3);

    private bool Coin() => random.Next(2) == 0;

    private T Pick<T>(params T[] choices) => choices[random.Next(choices.Length)];

    private T Own<T>(T item) where T : IDisposable
    {
        owned.Add(item);
        return item;
    }
}
