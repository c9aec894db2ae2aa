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
/// that pass is not made, unless <see cref="GrpoOptions.Correction"/> expects a sampler that differs.</item>
/// <item>Surrogate, ratio, baseline, scale and the place of the KL are options: RLOO, REINFORCE++, DAPO, Dr. GRPO, GSPO, CISPO, SAPO
/// and VESPO are settings of this trainer.</item>
/// <item>An entropy bonus has the weights of the loss, and so has the exact KL, whose gradient goes through the whole distribution.</item>
/// <item>Groups of equal rewards stay in the step, unless <see cref="GrpoOptions.SamplingRounds"/> draws others for them.</item>
/// <item>The reference stays the starting policy; it is not refreshed.</item>
/// </list>
/// </remarks>
public sealed class GrpoTrainer : IDisposable
{
    private const int StatisticsCount = 9;

    /// <summary>Rows of logits at a time where a loss needs all rows of a completion, unless one has more.</summary>
    private const int ChunkRows = 256;

    private readonly LanguageModel policy;
    private readonly LanguageModel? reference;
    private readonly bool ownsReference;
    private readonly GrpoOptions options;
    private readonly GroupSampling groups;
    private readonly Optimizer optimizer;
    private readonly PolicyPass pass;
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly RewardCalls calls;
    private readonly FlightRecorder? recorder;
    private readonly Tensor statistics;
    private readonly int microBatch;
    private readonly float temperature;
    private readonly RowLoss loss;
    private readonly SurrogateLoss surrogate;
    private readonly SequenceChunks chunks = new(ChunkRows);
    private readonly GrpoAdvantages estimator;
    private readonly Column column = new();
    private Tensor old, referenceLogprobs, advantages, weights, corrections;
    private readonly ReferenceKl? exactKl;
    private double entropySum, bonusSum, penaltySum, gradientNorm;

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
        surrogate = new SurrogateLoss(options.Objective(), options.Ratio);
        estimator = new GrpoAdvantages(options);
        (this.policy, this.options) = (policy, options);
        ownsReference = reference is null && options.Beta > 0;
        this.reference = reference ?? (ownsReference ? policy.Clone(trainable: false) : null);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<GrpoTrainer>();
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
        bool isExact = options is { KlEstimator: KlEstimator.Full, Beta: > 0 } && this.reference is not null;
        int chunk = surrogate.IsOfSequences ? Math.Max(ChunkRows, longest) : Ops.HeadChunkRows;
        plan.Add("activations", !isExact ? MemoryPlan.TrainingBytes(policy, microBatch, longest, chunk)
            : MemoryPlan.TrainingBytes(policy, microBatch, longest, 2 * chunk) + ReferenceKl.Bytes(policy, microBatch, longest),
            "lower train.micro_batch");
        plan.Check(policy.Device);
        Log.Planned(logger, "grpo", plan);
        Memory = plan;
        pass = new PolicyPass(policy.Device, plan.Terms.Last().Bytes);
        exactKl = isExact ? new ReferenceKl(this.reference!, temperature, pass.Arena) : null;
        statistics = pass.Arena.Allocate(DType.Float64, new Shape(StatisticsCount));
        statistics.Clear();
        loss = RowLoss;
        recorder = options.Record ? new FlightRecorder(policy.Tokenizer, options.Ratio,
            options.Loss is PolicyLossKind.Clip or PolicyLossKind.Cispo ? (options.ClipLow, options.ClipHigh) : null) : null;
        calls = new RewardCalls("grpo", logger);
        groups = new GroupSampling(policy, prompts, reward, options, calls, totals);
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

    /// <summary>What the run needs of the device's memory.</summary>
    public MemoryPlan Memory { get; }

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
        Rollout rollout = groups.Draw(step, metrics);
        RolloutTokens tokens = Prepare(rollout, metrics);

        // Several passes over the rollout, each split into optimizer steps. A step that diverges leaves its record too.
        int updates = options.InnerEpochs * options.Minibatches, perUpdate = tokens.Count / options.Minibatches;
        recorder?.Begin(tokens);
        try
        {
            for (int update = 0; update < updates; update++)
            {
                int part = update % options.Minibatches;
                tokens.Shuffle(options.Seed, step, update - part, options.Minibatches > 1);
                Update(tokens, tokens.Order.Slice(part * perUpdate, perUpdate), isFirst: update == 0);
            }
        }
        finally
        {
            if (run.Folder is { } folder)
            {
                recorder?.Write(folder, step, options.GroupSize, rollout, tokens, tokens.TokenAdvantages, reference is not null, hasSampleAdvantages: true);
            }
        }

        totals.Samples += tokens.Count;
        Describe(updates, metrics);
        rollout.Describe(metrics);
        metrics[MetricNames.RewardFailures] = calls.Failures;
        calls.Clear();
        if (run.KeepsSamples(step))
        {
            rollout.Keep(run, step, tokens.Advantages);
        }
    }

    /// <summary>What stays the same while a rollout is trained on: advantages, log-probabilities of the reference.</summary>
    internal RolloutTokens Prepare(Rollout rollout, MetricRow metrics)
    {
        // Log-probabilities of the frozen reference; those of the old policy are the sampler's, or corrected.
        RolloutTokens tokens = new(rollout);
        if (options.VerifyRollouts)
        {
            pass.Verify(policy, tokens.Sequences, temperature, microBatch, tokens.Old);
        }

        if (reference is not null)
        {
            pass.Logprobs(reference, tokens.Sequences, temperature, microBatch, tokens.Reference);
            metrics[MetricNames.KlPerSequence] = tokens.MeanLogRatio();
        }

        if (exactKl is not null && options.KlPlacement != KlPlacement.Loss)
        {
            tokens.ExactKl = pass.ExactKl(policy, exactKl, tokens.Sequences, temperature, microBatch);
        }

        if (options.Correction != RolloutCorrection.None)
        {
            float[] recomputed = new float[tokens.TokenCount];
            pass.Logprobs(policy, tokens.Sequences, temperature, microBatch, recomputed);
            tokens.Correct(recomputed, options.Correction, options.CorrectionLow, options.CorrectionHigh);
        }

        // The group is the baseline: A = (r - mean) / (std + epsilon).
        estimator.Estimate(pass.Arena, rollout, tokens, metrics);
        return tokens;
    }

    /// <summary>One optimizer step on some samples of a rollout.</summary>
    internal void Update(RolloutTokens tokens, ReadOnlySpan<int> samples, bool isFirst)
    {
        tokens.Normalize(samples, options.Normalizer, options.Sampling.MaxNewTokens);
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
        metrics[MetricNames.Loss] = (sums[0] - bonusSum + penaltySum) / updates;
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
        (entropySum, bonusSum, penaltySum, gradientNorm) = (0, 0, 0, 0);
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
        advantages = tokens.Upload(pass.Arena, tokens.TokenAdvantages, samples);
        corrections = tokens.Corrections is { } given ? tokens.Upload(pass.Arena, given, samples) : default;
        referenceLogprobs = reference is null ? default : tokens.Upload(pass.Arena, tokens.Reference, samples);
        if (InLoss(exactKl) is { } kl)
        {
            kl.Forward(pass.Batch);
        }

        Tensor hidden = Ops.GatherRows(pass.Tape, policy.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
        if (surrogate.IsOfSequences)
        {
            chunks.Upload(pass.Arena, pass.Batch);
        }

        (Tensor logprob, Tensor entropy) = Ops.LinearLogprob(pass.Tape, hidden, policy.Head, pass.Batch.Targets, temperature, loss,
            surrogate.IsOfSequences ? chunks.Rows : default);
        if (isFirst)
        {
            pass.Compare(logprob, column.Download(old), totals);
        }

        recorder?.Take(tokens, samples, column.Download(logprob));
        pass.Tape.Backward();
        totals.TrainedTokens += pass.Batch.Tokens;
        bonusSum += options.EntropyCoefficient == 0 ? 0 : options.EntropyCoefficient * Product(weights, entropy);
        penaltySum += InLoss(exactKl) is null ? 0 : options.Beta * Product(weights, exactKl!.Values);
        return column.SumOf(entropy);
    }

    /// <summary>l = -min(ratio A, clip(ratio, 1 - eps, 1 + eps) A) + beta kl, or its kin, less the entropy bonus, and its gradient.</summary>
    private HeadGradient RowLoss(in HeadRows rows)
    {
        (int start, int count) = (rows.Start, rows.Count);
        Tensor w = weights.RowRange(start, count);
        surrogate.Compute(pass.Arena, new PolicyTokens(rows.Logprob, old.RowRange(start, count),
            referenceLogprobs.IsEmpty ? default : referenceLogprobs.RowRange(start, count), advantages.RowRange(start, count),
            corrections.IsEmpty ? default : corrections.RowRange(start, count), w, default,
            surrogate.IsOfSequences ? chunks.At(start) : default), rows.DLogprob, statistics);
        HeadGradient written = HeadGradient.Logprob;
        if (options.EntropyCoefficient > 0)
        {
            rows.DEntropy.CopyFrom(w);
            Ops.Scale(rows.DEntropy, -options.EntropyCoefficient);
            written = HeadGradient.LogprobAndEntropy;
        }

        if (InLoss(exactKl) is not { } kl)
        {
            return written;
        }

        Tensor dkl = pass.Arena.Allocate(DType.Float32, w.Shape);
        dkl.CopyFrom(w);
        Ops.Scale(dkl, options.Beta);
        return kl.Backward(rows, dkl);
    }

    private ReferenceKl? InLoss(ReferenceKl? kl) => options.KlPlacement == KlPlacement.Loss ? kl : null;

    private double Product(in Tensor a, in Tensor b)
    {
        Tensor product = pass.Arena.Allocate(DType.Float32, a.Shape);
        Ops.Multiply(b, a, product);
        return column.SumOf(product);
    }
}
