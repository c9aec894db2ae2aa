using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Group relative policy optimisation (Shao et al. 2024): the group of a prompt's completions is the baseline.</summary>
/// <remarks>
/// Departures from the paper:
/// <list type="bullet">
/// <item>The loss is divided by the loss tokens of the optimizer step, unless <see cref="GrpoOptions.Normalizer"/> asks for the
/// paper's mean of sequence means; either is fixed before the step is split into micro-batches.</item>
/// <item>The standard deviation of a group has ddof 1 and an epsilon; a group whose rewards are all equal has advantage 0.</item>
/// <item>The old policy's log-probabilities are the sampler's own: they equal those of the first forward pass bit for bit, so
/// that pass is not made.</item>
/// <item>The reference stays the starting policy; it is not refreshed.</item>
/// </list>
/// </remarks>
public sealed class GrpoTrainer : IDisposable
{
    private const int StatisticsCount = 9;

    private readonly LanguageModel policy;
    private readonly LanguageModel? reference;
    private readonly bool ownsReference;
    private readonly PromptDataset prompts;
    private readonly IReward reward;
    private readonly GrpoOptions options;
    private readonly DataOrder order;
    private readonly Optimizer optimizer;
    private readonly PolicyPass pass;
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly Tensor statistics;
    private readonly int microBatch;
    private readonly float temperature;
    private readonly RowLoss loss;
    private readonly Column column = new();
    private Tensor old, referenceLogprobs, advantages, weights;
    private double entropySum, gradientNorm;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="policy">Trained in place.</param>
    /// <param name="prompts">Prompts and the columns that the reward reads.</param>
    /// <param name="reward">Scores the completions.</param>
    /// <param name="options">Steps, groups, clipping, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <param name="reference">Frozen reference of the KL term; null: a copy of the policy as it is now.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">There are no prompts, or the run needs more memory than there is.</exception>
    public GrpoTrainer(LanguageModel policy, PromptDataset prompts, IReward reward, GrpoOptions options,
        ILoggerFactory? loggerFactory = null, LanguageModel? reference = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(reward);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.policy, this.prompts, this.reward, this.options) = (policy, prompts, reward, options);
        ownsReference = reference is null && options.Beta > 0;
        this.reference = reference ?? (ownsReference ? policy.Clone(trainable: false) : null);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<GrpoTrainer>();
        order = new DataOrder(prompts.Count, options.Seed);
        int completions = options.PromptsPerStep * options.GroupSize;
        int updates = options.InnerEpochs * options.Minibatches;
        optimizer = new Optimizer(policy.Store, options.Optimizer, (long)options.MaxSteps * updates);
        microBatch = options.MicroBatch == 0 ? completions / options.Minibatches : options.MicroBatch;
        temperature = options.Sampling.Temperature == 0 ? 1 : options.Sampling.Temperature;
        int longest = Math.Min(policy.Config.MaxPositions, options.Sampling.MaxNewTokens +
            prompts.Max(prompt => TokenSequence.PromptIds(policy, prompt.Prompt, prompt.PromptIds).Length));
        MemoryPlan plan = new();
        plan.AddModel("policy", policy);
        if (this.reference is not null)
        {
            plan.AddModel("reference", this.reference);
        }

        plan.Add("key-value cache", policy.CacheBytes(completions, longest), "lower sampling.max_new_tokens or grpo.group_size");
        plan.Add("activations", MemoryPlan.TrainingBytes(policy, microBatch, longest), "lower train.micro_batch");
        plan.Check(policy.Device);
        Log.Planned(logger, "grpo", plan);
        pass = new PolicyPass(policy.Device, plan.Terms.Last().Bytes);
        statistics = pass.Arena.Allocate(DType.Float64, new Shape(StatisticsCount));
        statistics.Clear();
        loss = RowLoss;
        run = new TrainingRun
        {
            Command = "grpo",
            Options = options,
            Device = policy.Device,
            Steps = options.MaxSteps,
            Models = [("policy", policy.Store, optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = policy.Save,
            PeakBytes = () => pass.Arena.PeakBytes + policy.Store.Bytes + (this.reference?.Store.Bytes ?? 0) + policy.GenerationBytes,
            Logger = logger,
        };
    }

    /// <summary>Runs all steps.</summary>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Finishes the step, commits a checkpoint, then throws.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    public Task<TrainingResult> TrainAsync(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default) =>
        run.StartAsync(progress, cancellationToken);

    /// <summary>Gives the memory of the run back; the policy stays.</summary>
    public void Dispose()
    {
        pass.Dispose();
        optimizer.Dispose();
        if (ownsReference)
        {
            reference!.Dispose();
        }
    }

    private void Step(int step, MetricRow metrics)
    {
        // Draw G completions of each prompt and score them.
        int[] rows = new int[options.PromptsPerStep];
        order.Fill(step, rows);
        Rollout rollout = Rollout.Draw(policy, [.. rows.Select(row => prompts[row])], options.GroupSize, options.Sampling,
            options.Seed, step, CancellationToken.None);
        rollout.Score(reward, CancellationToken.None);
        RolloutTokens tokens = Prepare(rollout, metrics);

        // Several passes over the rollout, each split into optimizer steps.
        int updates = options.InnerEpochs * options.Minibatches, perUpdate = tokens.Count / options.Minibatches;
        for (int update = 0; update < updates; update++)
        {
            int part = update % options.Minibatches;
            tokens.Shuffle(options.Seed, step, update - part, options.Minibatches > 1);
            Update(tokens, tokens.Order.Slice(part * perUpdate, perUpdate), isFirst: update == 0);
        }

        totals.Samples += tokens.Count;
        totals.GeneratedTokens += rollout.CompletionTokens;
        Describe(updates, metrics);
        rollout.Describe(metrics);
        if (run.KeepsSamples(step))
        {
            rollout.Keep(run, step, tokens.Advantages);
        }
    }

    /// <summary>What stays the same while a rollout is trained on: advantages, log-probabilities of the reference.</summary>
    internal RolloutTokens Prepare(Rollout rollout, MetricRow metrics)
    {
        // The group is the baseline: A = (r - mean) / (std + epsilon).
        RolloutTokens tokens = new(rollout);
        GroupAdvantages(rollout, tokens, metrics);

        // Log-probabilities of the frozen reference; those of the old policy are the sampler's.
        if (reference is not null)
        {
            pass.Logprobs(reference, tokens.Sequences, temperature, microBatch, tokens.Reference);
            metrics[MetricNames.KlPerSequence] = tokens.MeanLogRatio();
        }

        return tokens;
    }

    /// <summary>One optimizer step on some samples of a rollout.</summary>
    internal void Update(RolloutTokens tokens, ReadOnlySpan<int> samples, bool isFirst)
    {
        tokens.Normalize(samples, options.Normalizer);
        for (int start = 0; start < samples.Length; start += microBatch)
        {
            entropySum += Accumulate(tokens, samples.Slice(start, Math.Min(microBatch, samples.Length - start)), isFirst);
        }

        optimizer.Step();
        gradientNorm = Math.Max(gradientNorm, optimizer.GradientNorm);
    }

    /// <summary>Metrics of the updates since the last call.</summary>
    internal void Describe(int updates, MetricRow metrics)
    {
        double[] sums = statistics.ToArray<double>();
        double counted = Math.Max(1, sums[2]);
        metrics[MetricNames.Loss] = sums[0] / updates;
        metrics[MetricNames.Entropy] = entropySum / counted;
        metrics[MetricNames.ClipRatioLow] = sums[3] / counted;
        metrics[MetricNames.ClipRatioHigh] = sums[4] / counted;
        metrics[MetricNames.ClipRatioRegion] = (sums[3] + sums[4]) / counted;
        if (reference is not null)
        {
            metrics[MetricNames.Kl] = sums[8] / counted;
        }

        metrics[MetricNames.GradNorm] = gradientNorm;
        metrics[MetricNames.LearningRate] = optimizer.LearningRate;
        metrics[MetricNames.MismatchBits] = totals.MismatchBits;
        metrics[MetricNames.ComparedTokens] = totals.ComparedTokens;
        statistics.Clear();
        (entropySum, gradientNorm) = (0, 0);
    }

    /// <summary>Writes the advantage of every sample; those without a score get 0 and no weight.</summary>
    private void GroupAdvantages(Rollout rollout, RolloutTokens tokens, MetricRow metrics)
    {
        using ArenaScope scope = pass.Arena.Enter();
        Shape groups = [options.PromptsPerStep, options.GroupSize];
        Tensor rewards = pass.Arena.Allocate(DType.Float32, groups);
        Tensor mask = pass.Arena.Allocate(DType.UInt8, groups);
        Tensor result = pass.Arena.Allocate(DType.Float32, groups);
        Tensor counts = pass.Arena.Allocate(DType.Float64, new Shape(3));
        counts.Clear();
        rewards.CopyFrom<float>([.. rollout.Scores.Select(score => score ?? 0)]);
        mask.CopyFrom<byte>([.. rollout.Scores.Select(score => (byte)(score is null ? 0 : 1))]);
        Ops.GroupAdvantages(rewards, mask, result, counts, options.AdvantageEpsilon, options.Scale == AdvantageScale.Group);
        result.CopyTo(tokens.Advantages.AsSpan());
        double[] sums = counts.ToArray<double>();
        metrics[MetricNames.Reward] = rollout.Scores.Average(score => (double?)score) ?? double.NaN;
        metrics[MetricNames.RewardStd] = sums[2] / sums[0];
        metrics[MetricNames.FracRewardZeroStd] = sums[1] / sums[0];
    }

    /// <summary>Adds the gradient of one micro-batch; returns the sum of its tokens' entropies.</summary>
    private double Accumulate(RolloutTokens tokens, ReadOnlySpan<int> samples, bool isFirst)
    {
        using ArenaScope scope = pass.Arena.Enter();
        pass.Tape.Recording = true;
        tokens.Fill(pass.Batch, samples);
        pass.Batch.Upload(pass.Arena);
        old = tokens.Upload(pass.Arena, tokens.Old, samples);
        weights = tokens.Upload(pass.Arena, tokens.Weights, samples);
        advantages = tokens.UploadPerSample(pass.Arena, tokens.Advantages, samples);
        referenceLogprobs = reference is null ? default : tokens.Upload(pass.Arena, tokens.Reference, samples);
        Tensor hidden = Ops.GatherRows(pass.Tape, policy.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
        (Tensor logprob, Tensor entropy) = Ops.LinearLogprob(pass.Tape, hidden, policy.Head, pass.Batch.Targets, temperature, loss);
        if (isFirst)
        {
            pass.Compare(logprob, column.Download(old), totals);
        }

        pass.Tape.Backward();
        totals.TrainedTokens += pass.Batch.Tokens;
        return column.SumOf(entropy);
    }

    /// <summary>l = -min(ratio A, clip(ratio, 1 - eps, 1 + eps) A) + beta k3, and its gradient in the log-probability.</summary>
    private HeadGradient RowLoss(in HeadRows rows)
    {
        (int start, int count) = (rows.Start, rows.Count);
        Ops.GrpoLoss(rows.Logprob, old.RowRange(start, count),
            reference is null ? default : referenceLogprobs.RowRange(start, count), advantages.RowRange(start, count),
            weights.RowRange(start, count), default, rows.DLogprob, statistics, options.ClipLow, options.ClipHigh, options.Delta, options.Beta);
        return HeadGradient.Logprob;
    }
}
