using System.Text.Json;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>Policy-gradient training against the curves and weights of another project, on a rollout given.</summary>
public sealed class EndToEndPolicyTests : IDisposable
{
    private readonly Device device = TestDevice.Open();
    private readonly MetricRow metrics = new();

    public void Dispose() => device.Dispose();

    [Theory]
    [InlineData("grpo_5_steps", 0)]
    [InlineData("grpo_5_steps", 1)]
    [InlineData("grpo_5_steps", 3)]
    [InlineData("gspo_5_steps", 0)]
    [InlineData("gspo_5_steps", 1)]
    [InlineData("gspo_5_steps", 3)]
    public void Grpo(string name, int microBatch)
    {
        EndToEndCase golden = new(name);
        JsonElement batch = new EndToEndCase("grpo_5_steps").Root.GetProperty("batch"); // both cases have the one batch
        using LanguageModel policy = EndToEndCase.Llama(device);
        int[][] prompts = Unpadded(batch, "prompt_ids", "prompt_mask"), completions = Unpadded(batch, "completion_ids", "completion_mask");
        PromptDataset data = new([new PromptExample("", prompts[0]), new PromptExample("", prompts[4])]);
        Rollout rollout = RolloutOf(policy, data, prompts, completions, ended: false, EndToEndCase.Numbers(batch.GetProperty("rewards")));
        using GrpoTrainer trainer = new(policy, data, Unused, new GrpoOptions
        {
            MaxSteps = 1,
            PromptsPerStep = 2,
            GroupSize = 4,
            InnerEpochs = 5,
            MicroBatch = microBatch,
            Beta = golden.Hyper("beta"),
            ClipLow = golden.Hyper("epsilon_low"),
            ClipHigh = golden.Hyper("epsilon_high"),
            Ratio = name == "gspo_5_steps" ? RatioLevel.Sequence : RatioLevel.Token,
            Normalizer = LossNormalizer.Sequences,
            Optimizer = EndToEndTests.Adam(golden),
            Sampling = new SamplingOptions { MaxNewTokens = 10 },
        });
        RolloutTokens tokens = trainer.Prepare(rollout, metrics);
        double[] advantages = EndToEndCase.Numbers(golden.Expected.GetProperty("advantages"));
        double[] old = EndToEndCase.Numbers(golden.Expected.GetProperty("old_per_token_logps"));
        for (int i = 0; i < 8; i++)
        {
            golden.AssertClose(advantages[i], tokens.Advantages[i], $"advantage {i}");
            AssertRow(golden, "old", old.AsSpan(10 * i, 10), tokens.Old.AsSpan(tokens.TokensOf(i)));
        }

        for (int step = 0; step < 5; step++)
        {
            trainer.Update(tokens, tokens.Order, isFirst: step == 0);
            trainer.Describe(1, metrics);
            // With a ratio of whole completions the case counts clipped completions, the trainer clipped tokens.
            string[] ofTokens = ["kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean"];
            foreach (string key in (string[])["loss", "entropy", "grad_norm", .. name == "grpo_5_steps" ? ofTokens : []])
            {
                golden.AssertStep(key, step, metrics[key]);
            }
        }

        Assert.Equal(0, metrics[MetricNames.MismatchBits]);
        Assert.Equal(tokens.TokenCount, metrics[MetricNames.ComparedTokens]);
        golden.AssertWeights("final_weights", policy);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Ppo(int microBatch)
    {
        EndToEndCase golden = new("ppo_rlhf_3_epochs");
        JsonElement batch = golden.Root.GetProperty("batch");
        int end = (int)golden.Hyper("eos_token_id");
        using LanguageModel policy = EndToEndCase.Llama(device, end), reference = policy.Clone(trainable: false);
        Ops.Scale(reference.Head.Value, 0.75f);
        reference.Store.Touch();
        using ScoreModel value = EndToEndCase.Scorer(device, "value_score.safetensors");
        int[][] prompts = [.. EndToEndCase.Rows(batch.GetProperty("queries")).Select(row => row.SkipWhile(id => id == 0).ToArray())];
        int[][] completions = [.. EndToEndCase.Rows(batch.GetProperty("responses")).Select(row =>
            row.Contains(end) ? row[..(Array.IndexOf(row, end) + 1)] : row)];
        PromptDataset data = new(prompts.Select(ids => new PromptExample("", ids)));
        Rollout rollout = RolloutOf(policy, data, prompts, completions, ended: true, EndToEndCase.Numbers(batch.GetProperty("scores")));
        using PpoTrainer trainer = new(policy, value, data, Unused, new PpoOptions
        {
            MaxSteps = 1,
            Rollouts = 4,
            Epochs = 3,
            Minibatches = 2,
            MicroBatch = microBatch,
            KlCoefficient = golden.Hyper("kl_coef"),
            KlEstimator = KlEstimator.K3,
            ClipRange = golden.Hyper("cliprange"),
            ClipRangeValue = golden.Hyper("cliprange_value"),
            ValueCoefficient = golden.Hyper("vf_coef"),
            Gamma = golden.Hyper("gamma"),
            Lambda = golden.Hyper("lam"),
            ScorePosition = ScorePosition.AfterLast,
            MissingEosPenalty = golden.Hyper("missing_eos_penalty"),
            Optimizer = EndToEndTests.Adam(golden),
            Sampling = new SamplingOptions { MaxNewTokens = 8 },
        }, reference: reference);
        (RolloutTokens tokens, RolloutValues states) = trainer.Prepare(rollout, metrics);
        AssertRollout(golden, tokens, states);

        int[][] permutations = [.. batch.GetProperty("minibatch_permutations").EnumerateArray()
            .Select(row => row.EnumerateArray().Select(v => v.GetInt32()).ToArray())];
        for (int update = 0; update < 6; update++)
        {
            int[] minibatch = permutations[update / 2][(update % 2 * 2)..(update % 2 * 2 + 2)];
            trainer.Update(tokens, states, minibatch, isFirst: update == 0);
            trainer.Describe(metrics);
            AssertUpdate(golden, update, minibatch.Sum(row => completions[row].Length));
        }

        Assert.Equal(0, metrics[MetricNames.MismatchBits]);
        Assert.True(metrics[MetricNames.ComparedTokens] > 0);
        golden.AssertWeights("final_weights_policy", policy);
        golden.AssertWeights("final_weights_value", value);
    }

    private void AssertRollout(EndToEndCase golden, RolloutTokens tokens, RolloutValues states)
    {
        JsonElement rollout = golden.Expected.GetProperty("rollout");
        for (int i = 0; i < 4; i++)
        {
            Range ofTokens = tokens.TokensOf(i), ofStates = states.StatesOf(i);
            AssertRow(golden, "logprobs", Row("logprobs", i), tokens.Old.AsSpan(ofTokens));
            AssertRow(golden, "ref_logprobs", Row("ref_logprobs", i), tokens.Reference.AsSpan(ofTokens));
            AssertRow(golden, "values", Row("values", i), states.Old.AsSpan(ofStates));
            AssertRow(golden, "rewards", Row("rewards", i), states.Rewards.AsSpan(ofStates));
            AssertRow(golden, "returns", Row("returns", i), states.Returns.AsSpan(ofStates));
            AssertRow(golden, "advantages", Row("advantages", i), states.Advantages.AsSpan(ofTokens));
        }

        golden.AssertClose(rollout.GetProperty("mean_kl").GetDouble(), metrics[MetricNames.ObjectiveKl], "mean_kl");
        golden.AssertClose(rollout.GetProperty("rlhf_reward").GetDouble(), metrics[MetricNames.ObjectiveRlhfReward], "rlhf_reward");

        ReadOnlySpan<double> Row(string key, int row) => EndToEndCase.Numbers(rollout.GetProperty(key)).AsSpan(8 * row, 8);
    }

    /// <summary>The case's approxkl and ratio are means over all 2 x 8 places, where a place without a token has ratio 1.</summary>
    private void AssertUpdate(EndToEndCase golden, int update, int tokens)
    {
        const double Places = 16;
        golden.AssertStep("loss", update, metrics[MetricNames.Loss]);
        golden.AssertStep("pg_loss", update, metrics[MetricNames.LossPolicy]);
        golden.AssertStep("vf_loss", update, metrics[MetricNames.LossValue]);
        golden.AssertStep("pg_clipfrac", update, metrics[MetricNames.PolicyClipFraction]);
        golden.AssertStep("vf_clipfrac", update, metrics[MetricNames.ValueClipFraction]);
        golden.AssertStep("approxkl", update, metrics[MetricNames.PolicyApproxKl] * tokens / Places);
        golden.AssertStep("ratio_mean", update, (metrics[MetricNames.Ratio] * tokens + (Places - tokens)) / Places);
        golden.AssertStep("grad_norm", update, double.Hypot(metrics[MetricNames.GradNorm], metrics[MetricNames.ValueGradNorm]));
    }

    private static IReward Unused { get; } = Reward.Create(_ => throw new InvalidOperationException("the rollout has its scores"), "unused");

    /// <summary>A rollout of given completions; their log-probabilities are the policy's own.</summary>
    private Rollout RolloutOf(LanguageModel policy, PromptDataset data, int[][] prompts, int[][] completions, bool ended, double[] scores)
    {
        TokenSequence[] sequences = [.. prompts.Zip(completions, (prompt, completion) => new TokenSequence([.. prompt, .. completion], prompt.Length))];
        float[] logprobs = new float[completions.Sum(completion => completion.Length)];
        int longest = sequences.Max(sequence => sequence.Tokens.Length);
        using PolicyPass pass = new(device, MemoryPlan.TrainingBytes(policy, sequences.Length, longest));
        pass.Logprobs(policy, sequences, 1, 3, logprobs);
        int written = 0;
        GeneratedSequence[] drawn = [.. sequences.Select(sequence => new GeneratedSequence(sequence.Tokens, sequence.PromptLength,
            logprobs[written..(written += sequence.CompletionLength)], ended && policy.IsEnd(sequence.Tokens[^1])))];
        Rollout rollout = Rollout.Of(policy, data, drawn.Length / data.Count, drawn);
        int next = 0;
        rollout.Score(Reward.Create(_ => (float)scores[next++], "given"), TestContext.Current.CancellationToken);
        return rollout;
    }

    private static int[][] Unpadded(JsonElement batch, string ids, string mask) =>
        [.. EndToEndCase.Rows(batch.GetProperty(ids)).Zip(EndToEndCase.Rows(batch.GetProperty(mask)),
            (row, kept) => row.Where((_, i) => kept[i] == 1).ToArray())];

    private static void AssertRow(EndToEndCase golden, string what, ReadOnlySpan<double> expected, ReadOnlySpan<float> actual)
    {
        for (int i = 0; i < actual.Length; i++)
        {
            golden.AssertClose(expected[i], actual[i], $"{what} {i}");
        }
    }
}
