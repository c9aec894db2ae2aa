using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>A model of two blocks over digits, data for every trainer, and options that take a step in milliseconds.</summary>
internal sealed class TrainerSubject : IDisposable
{
    private readonly List<IDisposable> models = [];
    private readonly DType dtype;

    public TrainerSubject(int threads = 1, DType dtype = DType.Float32) => (Device, this.dtype) = (TestDevice.Open(threads), dtype);

    public Device Device { get; }

    public PromptDataset Prompts { get; } = new(Enumerable.Range(0, 10).Select(i =>
        new PromptExample($"{i}+{(i * 7) % 10}=", Columns: new Dictionary<string, string> { ["answer"] = $"{i + (i * 7) % 10}" })));

    public CompletionDataset Examples { get; } = new(Enumerable.Range(0, 20).Select(i =>
        new CompletionExample($"{i % 10}+{(i * 3) % 7}=", $"{i % 10 + (i * 3) % 7}")));

    public PreferenceDataset Pairs { get; } = new(Enumerable.Range(0, 12).Select(i =>
        new PreferenceExample($"{i % 10}+{(i * 3) % 7}=", $"{i % 10 + (i * 3) % 7}", $"{i}{i % 3}{i * i}")));

    public IReward Reward { get; } = Gimbal.Training.Reward.Create(sample => sample.Completion.Contains('1') ? 1 : sample.CompletionIds.Length / 10f);

    public static OptimizerOptions Adam { get; } = new() { LearningRate = 1e-3f, MaxGradientNorm = 0, Schedule = LearningRateSchedule.Constant };

    public static SamplingOptions Sampling { get; } = new() { MaxNewTokens = 6 };

    public LanguageModel Model(ulong seed = 1, ModelFamily family = ModelFamily.Llama)
    {
        CharacterTokenizer tokenizer = new("0123456789+=", bos: null);
        bool gpt2 = family == ModelFamily.Gpt2;
        return Keep(new LanguageModel(new ModelConfig
        {
            Family = family,
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = 24,
            IntermediateSize = 40,
            Layers = 2,
            QueryHeads = 3,
            KeyValueHeads = gpt2 ? 3 : 1,
            HeadDim = 8,
            MaxPositions = 16,
            TieEmbeddings = gpt2,
            AttentionBias = gpt2,
            AttentionOutputBias = gpt2,
            Activation = gpt2 ? Activation.GeluTanh : Activation.Silu,
        }, tokenizer, Device, seed, dtype: dtype));
    }

    /// <summary>A scorer whose head is not 0, so that every weight has a gradient.</summary>
    public ScoreModel Scorer(ulong seed = 2)
    {
        ScoreModel model = Keep(ScoreModel.From(Model(seed)));
        float[] head = new float[model.Head.Shape.Count];
        Philox.Normal(head, 0.3f, seed, 77);
        model.Head.Write(0, head);
        model.Store.Touch();
        return model;
    }

    /// <summary>The model with a head for values that is not 0: the one that a scorer of the same seed has.</summary>
    public LanguageModel SharedTrunk(ulong seed = 1)
    {
        LanguageModel model = Keep(Model(seed).WithValueHead());
        model.ValueHead!.CopyFrom(Scorer(seed).Head);
        model.Store.Touch();
        return model;
    }

    public void Dispose()
    {
        models.ForEach(model => model.Dispose());
        Device.Dispose();
    }

    private T Keep<T>(T model) where T : IDisposable
    {
        models.Add(model);
        return model;
    }
}
