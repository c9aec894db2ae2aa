using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Proximal policy optimisation from a judge's scores (Schulman et al. 2017; Ziegler et al. 2019; Ouyang et al. 2022).</summary>
/// <remarks>
/// Departures from the papers:
/// <list type="bullet">
/// <item>Policy and value function are separate models with an optimizer each; or, with <see cref="PpoOptions.SharedTrunk"/>, two heads
/// on one trunk, whose gradients are summed in one backward pass and clipped together.</item>
/// <item>The score lands on the last kept token, the end token if there is one; <see cref="PpoOptions.ScorePosition"/> puts it one
/// past it. A completion cut off at the length limit counts as ended: nothing is bootstrapped.</item>
/// <item>The coefficient of the KL penalty is fixed unless <see cref="PpoOptions.KlTarget"/> is set; an entropy bonus has the weights of
/// the loss and is not part of the loss that is logged; there is no pretraining term.</item>
/// <item>Advantages are whitened over the rollout (ddof 1, epsilon inside the root), not over each minibatch.</item>
/// <item>Means of both losses run over the tokens of the optimizer step, fixed before it is split into micro-batches.</item>
/// <item>The old policy's log-probabilities, and the values of a shared trunk, are the sampler's own: they equal those of the first
/// forward pass bit for bit.</item>
/// <item>The value model may train alone for some steps first, while the policy stays as it is.</item>
/// </list>
/// </remarks>
public sealed class PpoTrainer : IDisposable
{
    private readonly LanguageModel policy;
    private readonly ScoreModel? value;
    private readonly LanguageModel? reference;
    private readonly bool ownsReference;
    private readonly PromptDataset prompts;
    private readonly IReward reward;
    private readonly PpoOptions options;
    private readonly KlController controller;
    private readonly DataOrder order;
    private readonly Optimizer policyOptimizer;
    private readonly Optimizer? valueOptimizer;
    private readonly PolicyPass pass;
    private readonly ScorePass values;
    private readonly PpoStatistics statistics;
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly RewardCalls calls;
    private readonly FlightRecorder? recorder;
    private readonly int microBatch;
    private readonly float temperature;
    private readonly RowLoss loss;
    private readonly Column oldColumn = new(), weightColumn = new(), recordColumn = new();
    private Tensor old, advantages, weights;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="policy">Trained in place.</param>
    /// <param name="value">
    /// The value model, of the policy's vocabulary; trained in place. Null with <see cref="PpoOptions.SharedTrunk"/>, where the policy
    /// has a head for it: <see cref="LanguageModel.WithValueHead"/>.
    /// </param>
    /// <param name="prompts">Prompts and the columns that the reward reads.</param>
    /// <param name="reward">The judge of completions: a reward model, say.</param>
    /// <param name="options">Steps, epochs, clipping, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <param name="reference">Frozen reference of the KL penalty; null: a copy of the policy as it is now.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="ArgumentException">The value function is not where the options say.</exception>
    /// <exception cref="GimbalException">There are no prompts, or the run needs more memory than there is.</exception>
    public PpoTrainer(LanguageModel policy, ScoreModel? value, PromptDataset prompts, IReward reward, PpoOptions options,
        ILoggerFactory? loggerFactory = null, LanguageModel? reference = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(reward);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        CheckValue(policy, value, options);
        (this.policy, this.value, this.prompts, this.reward, this.options) = (policy, value, prompts, reward, options);
        ownsReference = reference is null && options.KlCoefficient > 0;
        this.reference = reference ?? (ownsReference ? policy.Clone(trainable: false) : null);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<PpoTrainer>();
        order = new DataOrder(prompts.Count, options.Seed);
        controller = new KlController(options.KlCoefficient, options.KlTarget, options.KlHorizon);
        long updates = (long)options.Epochs * options.Minibatches;
        policyOptimizer = new Optimizer(policy.Store, options.Optimizer, Math.Max(0, options.MaxSteps - options.ValueWarmupSteps) * updates);
        valueOptimizer = value is null ? null : new Optimizer(value.Store, options.ValueLearningRate == 0 ? options.Optimizer
            : options.Optimizer with { LearningRate = options.ValueLearningRate }, options.MaxSteps * updates);
        microBatch = options.MicroBatch == 0 ? options.Rollouts / options.Minibatches : options.MicroBatch;
        temperature = options.Sampling.Temperature == 0 ? 1 : options.Sampling.Temperature;
        long arenaBytes = Plan(logger);
        pass = new PolicyPass(policy.Device, arenaBytes);
        values = new ScorePass(pass.Arena);
        statistics = new PpoStatistics(pass.Arena);
        loss = RowLoss;
        recorder = options.Record ? new FlightRecorder(policy.Tokenizer, RatioLevel.Token,
            (options.ClipRange, options.ClipRangeHigh == 0 ? options.ClipRange : options.ClipRangeHigh)) : null;
        calls = new RewardCalls("ppo", logger);
        run = new TrainingRun
        {
            Command = "ppo",
            Options = options,
            Device = policy.Device,
            Steps = options.MaxSteps,
            Models = value is null ? [("policy", policy.Store, policyOptimizer)]
                : [("policy", policy.Store, policyOptimizer), ("value", value.Store, valueOptimizer!)],
            Totals = totals,
            Step = Step,
            SaveModel = policy.Save,
            WriteState = writer => writer.Write(controller.Coefficient),
            ReadState = reader => controller.Restore(reader.ReadDouble()),
            PeakBytes = () => pass.Arena.PeakBytes + policy.Store.Bytes + (value?.Store.Bytes ?? 0) + (this.reference?.Store.Bytes ?? 0) +
                policy.GenerationBytes,
            Logger = logger,
        };
    }

    /// <summary>What the run needs of the device's memory.</summary>
    public MemoryPlan Memory { get; private set; } = new();

    /// <summary>Runs all steps.</summary>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Finishes the step, commits a checkpoint, then throws.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    public Task<TrainingResult> TrainAsync(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default) =>
        run.StartAsync(progress, cancellationToken);

    /// <summary>Gives the memory of the run back; policy and value model stay.</summary>
    public void Dispose()
    {
        pass.Dispose();
        policyOptimizer.Dispose();
        valueOptimizer?.Dispose();
        if (ownsReference)
        {
            reference!.Dispose();
        }
    }

    private void Step(int step, MetricRow metrics)
    {
        // Draw completions and let the judge score them.
        int[] rows = new int[options.Rollouts];
        order.Fill(step, rows);
        Rollout rollout = Rollout.Draw(policy, [.. rows.Select(row => prompts[row])], 1, options.Sampling, options.Seed, step,
            CancellationToken.None);
        if (recorder is null)
        {
            rollout.Score(reward, CancellationToken.None, calls);
        }
        else
        {
            rollout.ScoreParts(reward, CancellationToken.None, calls);
        }

        (RolloutTokens tokens, RolloutValues states) = Prepare(rollout, metrics);

        // Several passes over the rollout, each split into optimizer steps; then the policy becomes the old policy.
        int perUpdate = tokens.Count / options.Minibatches;
        recorder?.Begin(tokens);
        try
        {
            for (int update = 0; update < options.Epochs * options.Minibatches; update++)
            {
                int part = update % options.Minibatches;
                tokens.Shuffle(options.Seed, step, update - part, options.Minibatches > 1);
                Update(tokens, states, tokens.Order.Slice(part * perUpdate, perUpdate), isFirst: update == 0,
                    trainsPolicy: step >= options.ValueWarmupSteps);
            }
        }
        finally
        {
            if (run.Folder is { } folder)
            {
                recorder?.Write(folder, step, 1, rollout, tokens, states.Advantages, reference is not null, hasSampleAdvantages: false);
            }
        }

        if (reference is not null)
        {
            controller.Update(metrics[MetricNames.ObjectiveKl], tokens.Count);
        }

        totals.Samples += tokens.Count;
        totals.GeneratedTokens += rollout.CompletionTokens;
        Describe(metrics);
        rollout.Describe(metrics);
        metrics[MetricNames.RewardFailures] = calls.Failures;
        calls.Clear();
        if (run.KeepsSamples(step))
        {
            rollout.Keep(run, step, default);
        }
    }

    /// <summary>What stays the same while a rollout is trained on: rewards of tokens, advantages, returns.</summary>
    internal (RolloutTokens Tokens, RolloutValues States) Prepare(Rollout rollout, MetricRow metrics)
    {
        // Log-probabilities of the frozen reference and values of all states; what the old policy says is the sampler's.
        RolloutTokens tokens = new(rollout);
        if (options.VerifyRollouts)
        {
            pass.Verify(policy, tokens.Sequences, temperature, microBatch, tokens.Old);
        }

        RolloutValues states = new(rollout, options.ScorePosition, options.Sampling.MaxNewTokens);
        if (reference is not null)
        {
            pass.Logprobs(reference, tokens.Sequences, temperature, microBatch, tokens.Reference);
        }

        if (reference is not null && options is { KlEstimator: KlEstimator.Full, KlCoefficient: > 0 })
        {
            ReferenceKl exact = new(reference, temperature, pass.Arena);
            tokens.ExactKl = pass.ExactKl(policy, exact, tokens.Sequences, temperature, microBatch);
        }

        if (value is not null)
        {
            values.Values(value, states.Sequences, microBatch, states.Old);
        }

        // r_t = -beta KL_t, and the score in the last reward.
        using ArenaScope scope = pass.Arena.Enter();
        TokenRewards.Write(pass.Arena, rollout, tokens, states, options, (float)controller.Coefficient, hasReference: reference is not null, metrics);
        Tensor mask = states.Mask(pass.Arena, afterEnd: true);
        Tensor rewards = states.Pad(pass.Arena, states.Rewards);
        if (options.WhitenRewards)
        {
            Ops.Whiten(rewards, mask, rewards, default, keepMean: true);
        }

        // A_t by generalised advantage estimation, R_t = A_t + V_t; then A over the rollout to mean 0, variance 1.
        Tensor estimates = pass.Arena.Allocate(DType.Float32, rewards.Shape), returns = pass.Arena.Allocate(DType.Float32, rewards.Shape);
        Ops.Gae(rewards, states.Pad(pass.Arena, states.Old), default, default, default, default, mask, estimates, returns,
            options.Gamma, options.Lambda);
        if (options.WhitenAdvantages)
        {
            Ops.Whiten(estimates, states.Mask(pass.Arena, afterEnd: false), estimates, default, ddof: options.WhitenDdof);
        }

        states.Take(returns, estimates);
        metrics[MetricNames.ExplainedVariance] = states.ExplainedVariance();
        return (tokens, states);
    }

    /// <summary>One optimizer step of policy and value function on some samples of a rollout.</summary>
    internal void Update(RolloutTokens tokens, RolloutValues states, ReadOnlySpan<int> minibatch, bool isFirst, bool trainsPolicy = true)
    {
        tokens.Normalize(minibatch, options.Normalizer, options.Sampling.MaxNewTokens);
        states.Normalize(minibatch);
        for (int start = 0; start < minibatch.Length; start += microBatch)
        {
            ReadOnlySpan<int> samples = minibatch.Slice(start, Math.Min(microBatch, minibatch.Length - start));
            if (trainsPolicy)
            {
                AccumulatePolicy(tokens, states, samples, isFirst);
            }

            if (value is not null)
            {
                AccumulateValue(value, states, samples);
            }
        }

        if (trainsPolicy)
        {
            policyOptimizer.Step();
            statistics.AddPolicyUpdate(policyOptimizer.GradientNorm);
        }

        valueOptimizer?.Step();
        statistics.AddValueUpdate((valueOptimizer ?? policyOptimizer).GradientNorm);
    }

    /// <summary>Metrics of the updates since the last call.</summary>
    internal void Describe(MetricRow metrics)
    {
        statistics.Write(metrics, options.ValueCoefficient);
        statistics.Clear();
        metrics[MetricNames.LearningRate] = policyOptimizer.LearningRate;
        metrics[MetricNames.MismatchBits] = totals.MismatchBits;
        metrics[MetricNames.ComparedTokens] = totals.ComparedTokens;
    }

    /// <summary>Adds the gradient of the clipped objective over a micro-batch and, on a shared trunk, of the value loss.</summary>
    private void AccumulatePolicy(RolloutTokens tokens, RolloutValues states, ReadOnlySpan<int> samples, bool isFirst)
    {
        using ArenaScope scope = pass.Arena.Enter();
        pass.Tape.Recording = true;
        tokens.Fill(pass.Batch, samples);
        pass.Batch.Upload(pass.Arena);
        old = tokens.Upload(pass.Arena, tokens.Old, samples);
        weights = tokens.Upload(pass.Arena, tokens.Weights, samples);
        advantages = tokens.Upload(pass.Arena, states.Advantages, samples);
        Tensor hidden = Ops.GatherRows(pass.Tape, policy.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
        (Tensor logprob, Tensor entropy) = Ops.LinearLogprob(pass.Tape, hidden, policy.Head, pass.Batch.Targets, temperature, loss);
        ReadOnlySpan<float> recorded = oldColumn.Download(old);
        if (isFirst)
        {
            pass.Compare(logprob, recorded, totals);
        }

        recorder?.Take(tokens, samples, recordColumn.Download(logprob));
        if (policy.ValueHead is { } head)
        {
            ValueLoss(pass.Tape, Ops.Linear(pass.Tape, hidden, head, output: DType.Float32), states, samples);
        }

        pass.Tape.Backward();
        statistics.Add(logprob, entropy, recorded, weightColumn.Download(weights));
        totals.TrainedTokens += pass.Batch.Tokens;
    }

    /// <summary>l = max(-ratio A, -clip(ratio, 1 - eps, 1 + eps) A), and its gradient in the log-probability.</summary>
    private HeadGradient RowLoss(in HeadRows rows)
    {
        (int start, int count) = (rows.Start, rows.Count);
        Ops.PpoClipLoss(rows.Logprob, old.RowRange(start, count), advantages.RowRange(start, count), weights.RowRange(start, count),
            default, rows.DLogprob, statistics.Policy, options.ClipRange, options.ClipRangeHigh == 0 ? options.ClipRange : options.ClipRangeHigh,
            options.DualClip);
        if (options.EntropyCoefficient == 0)
        {
            return HeadGradient.Logprob;
        }

        rows.DEntropy.CopyFrom(weights.RowRange(start, count));
        Ops.Scale(rows.DEntropy, -options.EntropyCoefficient);
        return HeadGradient.LogprobAndEntropy;
    }

    /// <summary>Adds the gradient of the value loss over a micro-batch, for a value model of its own.</summary>
    private void AccumulateValue(ScoreModel value, RolloutValues states, ReadOnlySpan<int> samples)
    {
        using ArenaScope scope = pass.Arena.Enter();
        values.Tape.Recording = true;
        states.Fill(values.Batch, samples);
        values.Batch.Upload(pass.Arena);
        ValueLoss(values.Tape, value.Score(values.Tape, value.Forward(values.Tape, values.Batch), values.Batch.Rows), states, samples);
        values.Tape.Backward();
        totals.TrainedTokens += values.Batch.Tokens;
    }

    /// <summary>vf 0.5 max((V - R)^2, (clip(V, old - eps, old + eps) - R)^2), and its gradient in the values.</summary>
    private void ValueLoss(Tape tape, in Tensor predicted, RolloutValues states, ReadOnlySpan<int> samples)
    {
        Tensor gradients = pass.Arena.Allocate(DType.Float32, predicted.Shape);
        Ops.ValueClipLoss(predicted, states.Upload(pass.Arena, states.Old, samples), states.Upload(pass.Arena, states.Returns, samples),
            states.Upload(pass.Arena, states.Weights, samples), default, gradients, statistics.Value, options.ClipRangeValue);
        Ops.Scale(gradients, options.ValueCoefficient);
        tape.SetGradient(predicted, gradients);
    }

    private static void CheckValue(LanguageModel policy, ScoreModel? value, PpoOptions options)
    {
        if (options.SharedTrunk ? value is not null || policy.ValueHead is null : value is null || policy.ValueHead is not null)
        {
            throw new ArgumentException(options.SharedTrunk
                ? "ppo.shared_trunk wants no value model and a policy with a head for values: LanguageModel.WithValueHead() makes one"
                : "wanted a value model and a policy without a head for values, or ppo.shared_trunk", nameof(value));
        }

        if (value is not null && value.Config.VocabularySize != policy.Config.VocabularySize)
        {
            throw new ArgumentException(
                $"the value model has {value.Config.VocabularySize} tokens, the policy {policy.Config.VocabularySize}: it reads the policy's",
                nameof(value));
        }
    }

    /// <summary>Checks that the run fits; returns the bytes of its arena.</summary>
    private long Plan(ILogger logger)
    {
        const int BytesPerState = 32;
        int longest = Math.Min(policy.Config.MaxPositions, options.Sampling.MaxNewTokens +
            prompts.Max(prompt => TokenSequence.PromptIds(policy, prompt.Prompt, prompt.PromptIds).Length));
        long activations = options.KlEstimator != KlEstimator.Full ? MemoryPlan.TrainingBytes(policy, microBatch, longest)
            : MemoryPlan.TrainingBytes(policy, microBatch, longest, 2 * Ops.HeadChunkRows) + ReferenceKl.Bytes(policy, microBatch, longest);
        long states = (long)options.Rollouts * (options.Sampling.MaxNewTokens + 1) * BytesPerState;
        MemoryPlan plan = new();
        plan.AddModel("policy", policy);
        if (value is not null)
        {
            plan.AddModel("value model", value);
            activations = Math.Max(activations, MemoryPlan.TrainingBytes(value, microBatch, longest));
        }

        if (reference is not null)
        {
            plan.AddModel("reference", reference);
        }

        plan.Add("key-value cache", policy.CacheBytes(options.Rollouts, longest), "lower sampling.max_new_tokens or ppo.rollouts");
        plan.Add("rollout", states, "lower ppo.rollouts");
        plan.Add("activations", activations, "lower train.micro_batch");
        plan.Check(policy.Device);
        Log.Planned(logger, "ppo", plan);
        Memory = plan;
        return activations + states;
    }
}
