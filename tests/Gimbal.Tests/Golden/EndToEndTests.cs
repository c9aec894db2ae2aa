using System.Text.Json;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Whole training runs against the curves and weights of other projects: the model, supervised and pairwise training.</summary>
public sealed class EndToEndTests : IDisposable
{
    private readonly Device device = TestDevice.Open();
    private readonly MetricRow metrics = new();

    public void Dispose() => device.Dispose();

    [Fact]
    public void Forward()
    {
        EndToEndCase golden = new("forward");
        using LanguageModel model = EndToEndCase.Llama(device);
        int[][] ids = EndToEndCase.Rows(golden.Root.GetProperty("inputs").GetProperty("input_ids"));
        int[][] mask = EndToEndCase.Rows(golden.Root.GetProperty("inputs").GetProperty("attention_mask"));
        double[] expected = EndToEndCase.Numbers(golden.Expected.GetProperty("logits"));
        using Arena arena = new(device, 1 << 22);
        TokenBatch batch = new();
        List<int> places = [];
        for (int row = 0; row < ids.Length; row++)
        {
            int padding = mask[row].Count(value => value == 0);
            batch.Add(ids[row].AsSpan(padding), 1, feedLast: true);
            places.AddRange(Enumerable.Range(row * ids[row].Length + padding, ids[row].Length - padding));
        }

        batch.Upload(arena);
        Tape tape = new(arena);
        Tensor logits = Ops.Linear(tape, model.Forward(tape, batch), model.Head);
        float[] actual = logits.ToArray<float>();
        int width = (int)logits.Width;
        for (int i = 0; i < actual.Length; i++)
        {
            golden.AssertClose(expected[places[i / width] * width + i % width], actual[i], $"logit {i % width} of token {i / width}");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Sft(int microBatch)
    {
        EndToEndCase golden = new("sft_20_steps");
        using LanguageModel model = EndToEndCase.Llama(device);
        List<CompletionExample> examples = [];
        foreach (JsonElement batch in golden.Root.GetProperty("batches").EnumerateArray())
        {
            int[][] ids = EndToEndCase.Rows(batch.GetProperty("input_ids")), labels = EndToEndCase.Rows(batch.GetProperty("labels"));
            int[][] mask = EndToEndCase.Rows(batch.GetProperty("attention_mask"));
            for (int row = 0; row < ids.Length; row++)
            {
                int prompt = Array.FindIndex(labels[row], label => label >= 0), length = mask[row].Sum();
                examples.Add(new CompletionExample("", "", ids[row][..prompt], ids[row][prompt..length]));
            }
        }

        using SftTrainer trainer = new(model, new CompletionDataset(examples), new SftOptions
        {
            MaxSteps = 20,
            BatchSize = 4,
            MicroBatch = microBatch,
            Optimizer = Adam(golden) with { Schedule = LearningRateSchedule.Cosine, WarmupSteps = 2 },
        });
        for (int step = 0; step < 20; step++)
        {
            trainer.Update([.. Enumerable.Range(4 * (step % 5), 4)], metrics);
            golden.AssertStep("loss", step, metrics[MetricNames.Loss]);
            golden.AssertStep("grad_norm", step, metrics[MetricNames.GradNorm]);
            golden.AssertStep("lr", step, metrics[MetricNames.LearningRate]);
            if (step == 0)
            {
                AssertFirstGradients(golden, model);
            }
        }

        golden.AssertWeights("final_weights", model);
    }

    [Fact]
    public async Task OverfitAndGreedy()
    {
        EndToEndCase golden = new("overfit_and_greedy");
        using LanguageModel model = EndToEndCase.Llama(device);
        int[][] sequences = EndToEndCase.Rows(golden.Root.GetProperty("sequences"));
        CompletionDataset data = new(sequences.Select(ids => new CompletionExample("", "", ids[..1], ids[1..])));
        using SftTrainer trainer = new(model, data, new SftOptions { MaxSteps = 120, BatchSize = 4, Optimizer = Adam(golden) });
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(result.Metrics[MetricNames.Loss], 0, golden.Root.GetProperty("acceptance").GetProperty("final_loss_below").GetDouble());
        IReadOnlyList<GeneratedSequence> completions = model.Generate([.. sequences.Select(ids => ids[..3])],
            new SamplingOptions { Temperature = 0, MaxNewTokens = 9 }, new DrawKey(0, 0, 0), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(sequences, completions.Select(completion => completion.Tokens));
    }

    [Fact]
    public void Llama2c()
    {
        EndToEndCase golden = new("llama2c_sft_10_steps");
        using LanguageModel model = EndToEndCase.Load(new LanguageModel(new ModelConfig
        {
            Family = ModelFamily.Llama,
            VocabularySize = 61,
            HiddenSize = 48,
            IntermediateSize = 96,
            Layers = 2,
            QueryHeads = 4,
            KeyValueHeads = 2,
            HeadDim = 12,
            MaxPositions = 32,
            RopeInterleaved = true,
            TieEmbeddings = true,
        }, EndToEndCase.Characters(61), device), "llama2c_init.safetensors", Llama2cName);
        int[] tokens = [.. golden.Root.GetProperty("batches").GetProperty("tokens").GetProperty("data").EnumerateArray().Select(v => v.GetInt32())];
        CompletionDataset data = new(tokens.Chunk(17).Select(ids => new CompletionExample("", "", ids[..1], ids[1..])));
        using SftTrainer trainer = new(model, data, new SftOptions { MaxSteps = 10, BatchSize = 4, Optimizer = Adam(golden) });
        for (int step = 0; step < 10; step++)
        {
            trainer.Update([.. Enumerable.Range(4 * (step % 5), 4)], metrics);
            golden.AssertStep("loss", step, metrics[MetricNames.Loss]);
            golden.AssertStep("grad_norm", step, metrics[MetricNames.GradNorm]);
        }

        golden.AssertWeights("final_weights", model, Llama2cName);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Dpo(int microBatch)
    {
        EndToEndCase golden = new("dpo_5_steps");
        using LanguageModel model = EndToEndCase.Llama(device);
        using DpoTrainer trainer = new(model, Pairs(golden.Root.GetProperty("batch")), new DpoOptions
        {
            MaxSteps = 5,
            BatchSize = 4,
            MicroBatch = microBatch,
            Beta = golden.Hyper("beta"),
            PrecomputeReference = microBatch != 1,
            Optimizer = Adam(golden),
        });
        for (int step = 0; step < 5; step++)
        {
            trainer.Step(step, metrics);
            foreach (string key in (string[])["loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
                "logps/rejected", "entropy", "grad_norm"])
            {
                golden.AssertStep(key, step, metrics[key]);
            }
        }

        golden.AssertWeights("final_weights", model);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void RewardModel(int microBatch)
    {
        EndToEndCase golden = new("reward_model_5_steps");
        using ScoreModel model = EndToEndCase.Scorer(device, "rm_score.safetensors");
        JsonElement batch = golden.Root.GetProperty("batch");
        TokenSequence[] sequences = [.. EndToEndCase.Rows(batch.GetProperty("input_ids")).Zip(
            EndToEndCase.Rows(batch.GetProperty("attention_mask")), (ids, mask) => new TokenSequence(ids[..mask.Sum()], 1))];
        (TokenSequence, TokenSequence)[] pairs = [.. sequences.Take(4).Zip(sequences.Skip(4))];
        PreferenceDataset data = new([new PreferenceExample("", "", "", [0], new int[13], new int[13])]);
        using RewardTrainer trainer = new(model, data, new RewardOptions
        {
            MaxSteps = 5,
            BatchSize = 4,
            MicroBatch = microBatch,
            Center = 0,
            Optimizer = Adam(golden),
        });
        for (int step = 0; step < 5; step++)
        {
            trainer.Update(pairs, metrics);
            golden.AssertStep("loss", step, metrics[MetricNames.Loss]);
            golden.AssertStep("accuracy", step, metrics[MetricNames.Accuracy]);
            golden.AssertStep("margin", step, metrics[MetricNames.Margin]);
            golden.AssertStep("grad_norm", step, metrics[MetricNames.GradNorm]);
            double[] scores = [.. golden.Expected.GetProperty("rewards")[step].EnumerateArray().Select(value => value.GetDouble())];
            golden.AssertClose(scores.Min(), metrics[MetricNames.MinReward], "smallest score");
            golden.AssertClose(scores.Average(), metrics[MetricNames.MeanReward], "mean score");
            golden.AssertClose(scores.Max(), metrics[MetricNames.MaxReward], "largest score");
        }

        golden.AssertWeights("final_weights", model);
    }

    /// <summary>The hyper-parameters that all cases have, at a constant rate.</summary>
    internal static OptimizerOptions Adam(EndToEndCase golden)
    {
        JsonElement hyper = golden.Root.GetProperty("hyper"), clip = hyper.GetProperty("max_grad_norm");
        return new OptimizerOptions
        {
            LearningRate = golden.Hyper("lr"),
            Beta1 = hyper.GetProperty("betas")[0].GetSingle(),
            Beta2 = hyper.GetProperty("betas")[1].GetSingle(),
            Epsilon = golden.Hyper("eps"),
            WeightDecay = golden.Hyper("weight_decay"),
            MaxGradientNorm = clip.ValueKind == JsonValueKind.Number ? clip.GetSingle() : 0,
            Schedule = LearningRateSchedule.Constant,
        };
    }

    /// <summary>Rows of all chosen, then of all rejected.</summary>
    private static PreferenceDataset Pairs(JsonElement batch)
    {
        int[][] ids = EndToEndCase.Rows(batch.GetProperty("input_ids")), mask = EndToEndCase.Rows(batch.GetProperty("attention_mask"));
        int[][] completion = EndToEndCase.Rows(batch.GetProperty("completion_mask"));
        int pairs = ids.Length / 2;
        return new PreferenceDataset(Enumerable.Range(0, pairs).Select(pair =>
        {
            int prompt = Array.IndexOf(completion[pair], 1);
            return new PreferenceExample("", "", "", ids[pair][..prompt], Rest(pair, prompt), Rest(pair + pairs, prompt));
        }));

        int[] Rest(int row, int prompt) => ids[row][prompt..mask[row].Sum()];
    }

    /// <summary>The first step has rate 0 and leaves (1 - beta1) x clip coefficient x gradient in the first moment.</summary>
    private static void AssertFirstGradients(EndToEndCase golden, LanguageModel model)
    {
        JsonElement gradients = golden.Expected.GetProperty("grads_step0");
        double coefficient = 1 / (golden.Expected.GetProperty("grad_norm")[0].GetDouble() + 1e-6) * (1 - 0.9);
        foreach (WeightPart part in model.Weights.Parts)
        {
            Tensor rows = part.Parameter.Value.RowRange(part.Start, part.Rows);
            long first = (rows.Address - model.Store.Weights.Address) / sizeof(float);
            float[] moment = model.Store.FirstMoment.RowRange(first, rows.Count).ToArray<float>();
            float[] gradient = [.. moment.Select(value => (float)(value / coefficient))];
            golden.AssertChecksums(gradients.GetProperty(part.Name), gradient, 1e-4, "gradient of " + part.Name);
        }
    }

    private static string Llama2cName(string name) => name
        .Replace("model.embed_tokens", "tok_embeddings", StringComparison.Ordinal).Replace("model.", "", StringComparison.Ordinal)
        .Replace("self_attn.q_proj", "attention.wq", StringComparison.Ordinal).Replace("self_attn.k_proj", "attention.wk", StringComparison.Ordinal)
        .Replace("self_attn.v_proj", "attention.wv", StringComparison.Ordinal).Replace("self_attn.o_proj", "attention.wo", StringComparison.Ordinal)
        .Replace("mlp.gate_proj", "feed_forward.w1", StringComparison.Ordinal).Replace("mlp.down_proj", "feed_forward.w2", StringComparison.Ordinal)
        .Replace("mlp.up_proj", "feed_forward.w3", StringComparison.Ordinal).Replace("input_layernorm", "attention_norm", StringComparison.Ordinal)
        .Replace("post_attention_layernorm", "ffn_norm", StringComparison.Ordinal);
}
