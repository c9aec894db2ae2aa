using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Direct preference optimisation (Rafailov et al. 2023): the policy itself is the reward model.</summary>
/// <remarks>
/// Departures from the paper:
/// <list type="bullet">
/// <item>The reference is the policy as it is at the start (or a model given), and its log-probabilities are computed once, before
/// the first step, after which it is let go; <see cref="DpoOptions.PrecomputeReference"/> keeps it instead.</item>
/// <item>The loss is one of a family, or several with weights (<see cref="DpoOptions.Loss"/>); <c>sigmoid</c> is the paper's. Labels
/// may be smoothed (cDPO, Mitchell 2023).</item>
/// <item>Log-probabilities are summed over the completion, its end token included, or averaged on request; tokens past the
/// shorter completion may weigh less (LD-DPO, Liu et al. 2024).</item>
/// <item>A loss that compares pairs with each other (AOT) does so over all pairs of the optimizer step: their log-probabilities
/// are computed first, by a pass of their own, then the gradients are known.</item>
/// <item>The loss is the mean over the pairs of the optimizer step, fixed before the step is split into micro-batches.</item>
/// </list>
/// </remarks>
public sealed class DpoTrainer : IDisposable
{
    /// <summary>Rows of logits at a time, unless a single pair has more: a pair's loss needs all rows of both its sides.</summary>
    private const int ChunkRows = 256;

    private const int StatisticsCount = 6;

    private readonly LanguageModel policy;
    private readonly DpoOptions options;
    private readonly List<(TokenSequence Chosen, TokenSequence Rejected)> pairs = [];
    private readonly float[] referenceChosen;
    private readonly float[] referenceRejected;
    private readonly DataOrder order;
    private readonly Optimizer optimizer;
    private readonly PolicyPass pass;
    private readonly PairChunks chunks;
    private readonly Column column = new();
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly Tensor statistics;
    private readonly RowLoss loss;
    private readonly int[] rows;
    private readonly int microBatch;
    private readonly bool ownsReference;
    private readonly PreferenceLosses losses;
    private readonly PairTokens perToken;
    private readonly Tensor likelihoodStatistics;
    private readonly float[] dchosen, drejected;
    private LanguageModel? reference;
    private bool isReferenceKnown;
    private int chosenTokens;
    private Tensor refChosen, refRejected, weights, tokenWeights, likelihoodWeights, givenChosen, givenRejected;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="policy">Trained in place.</param>
    /// <param name="data">Prompts with a better and a worse completion.</param>
    /// <param name="options">Steps, batch, beta, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <param name="reference">Frozen reference; null: a copy of the policy as it is now.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">No pair fits, or the run needs more memory than there is.</exception>
    public DpoTrainer(LanguageModel policy, PreferenceDataset data, DpoOptions options, ILoggerFactory? loggerFactory = null,
        LanguageModel? reference = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.policy, this.options) = (policy, options);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<DpoTrainer>();
        Tokenize(data, logger);
        (referenceChosen, referenceRejected) = (new float[pairs.Count], new float[pairs.Count]);
        losses = new PreferenceLosses(options);
        chunks = new PairChunks(ChunkRows, options.SftPrompt);
        perToken = new PairTokens(options, chunks);
        ownsReference = reference is null;
        this.reference = options.ReferenceFree ? null : reference ?? policy.Clone(trainable: false);
        isReferenceKnown = options.ReferenceFree;
        order = new DataOrder(pairs.Count, options.Seed);
        optimizer = new Optimizer(policy.Store, options.Optimizer, options.MaxSteps);
        rows = new int[options.BatchSize];
        (dchosen, drejected) = (new float[rows.Length], new float[rows.Length]);
        microBatch = options.MicroBatch == 0 ? options.BatchSize : Math.Min(options.MicroBatch, options.BatchSize);
        int longest = pairs.Max(pair => Math.Max(pair.Chosen.Tokens.Length, pair.Rejected.Tokens.Length));
        MemoryPlan plan = new();
        plan.AddModel("policy", policy);
        if (this.reference is not null)
        {
            plan.AddModel("reference", this.reference);
        }

        plan.Add("activations", MemoryPlan.TrainingBytes(policy, 2 * microBatch, longest, Math.Max(ChunkRows, 2 * longest)),
            "lower train.micro_batch or train.max_length");
        plan.Check(policy.Device);
        Log.Planned(logger, "dpo", plan);
        Memory = plan;
        pass = new PolicyPass(policy.Device, plan.Terms.Last().Bytes);
        statistics = pass.Arena.Allocate(DType.Float64, new Shape(StatisticsCount));
        likelihoodStatistics = pass.Arena.Allocate(DType.Float64, new Shape(3));
        loss = RowLoss;
        run = new TrainingRun
        {
            Command = "dpo",
            Options = options,
            Device = policy.Device,
            Steps = options.MaxSteps,
            Models = [("policy", policy.Store, optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = policy.Save,
            PeakBytes = () => pass.Arena.PeakBytes + policy.Store.Bytes + (this.reference?.Store.Bytes ?? 0),
            Logger = logger,
        };
    }

    /// <summary>Pairs to learn from: those whose sides both keep a token of the completion.</summary>
    public int PairCount => pairs.Count;

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
        ReleaseReference();
    }

    internal void Step(int step, MetricRow metrics)
    {
        // h = log pi(y | x) - log pi_ref(y | x) needs the reference: once, or for the pairs of every step.
        order.Fill(step, rows);
        if (!isReferenceKnown)
        {
            int[] wanted = options.PrecomputeReference ? [.. Enumerable.Range(0, pairs.Count)] : [.. rows];
            Sums(reference!, wanted, referenceChosen, referenceRejected);
            if (options.PrecomputeReference)
            {
                isReferenceKnown = true;
                ReleaseReference();
            }
        }

        // Losses that compare pairs with each other see all pairs of the step at once.
        statistics.Clear();
        likelihoodStatistics.Clear();
        chosenTokens = rows.Sum(row => options.SftPrompt ? pairs[row].Chosen.Tokens.Length - 1 : pairs[row].Chosen.CompletionLength);
        if (losses.IsCoupled)
        {
            Couple();
        }

        // Mean over the pairs of the step of the loss of (h_chosen, h_rejected), for DPO -log sigmoid(beta (h_chosen - h_rejected)).
        double entropy = 0;
        int tokens = 0;
        for (int start = 0; start < rows.Length; start += microBatch)
        {
            entropy += Accumulate(start, rows.AsSpan(start, Math.Min(microBatch, rows.Length - start)));
            tokens += pass.Batch.LossRows;
        }

        optimizer.Step();
        totals.Samples += rows.Length;
        Describe(entropy / tokens, metrics);
    }

    /// <summary>Log-probabilities of both completions of some pairs under a model, sums or means over their tokens.</summary>
    private void Sums(LanguageModel model, int[] wanted, float[] chosenSums, float[] rejectedSums)
    {
        for (int start = 0; start < wanted.Length; start += microBatch)
        {
            ReadOnlySpan<int> part = wanted.AsSpan(start, Math.Min(microBatch, wanted.Length - start));
            chunks.Fill(pass.Batch, pairs, part);
            using ArenaScope scope = pass.Arena.Enter();
            pass.Tape.Recording = false;
            pass.Batch.Upload(pass.Arena);
            Tensor hidden = Ops.GatherRows(pass.Tape, model.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
            (Tensor logprob, _) = Ops.LinearLogprob(pass.Arena, hidden, model.Head, pass.Batch.Targets, 1);
            Tensor sums = pass.Arena.Allocate(DType.Float32, new Shape(pass.Batch.Sequences));
            Ops.SegmentSum(PairTokens.Weighted(pass.Arena, logprob, perToken.Multipliers(pass, part.Length)), pass.Batch.LossStartsTensor, sums);
            ReadOnlySpan<float> values = column.Download(sums);
            for (int i = 0; i < part.Length; i++)
            {
                (int chosen, int rejected) = chunks.SequencesOf(i);
                (chosenSums[part[i]], rejectedSums[part[i]]) = (values[chosen], values[rejected]);
            }
        }
    }

    /// <summary>The gradients of the step's pairs, each with respect to the sums over its completions.</summary>
    private void Couple()
    {
        float[] chosen = new float[pairs.Count], rejected = new float[pairs.Count];
        Sums(policy, rows, chosen, rejected);
        float[] At(float[] values) => [.. rows.Select(row => values[row])];
        losses.AddCoupled(pass.Arena, new HostPairs(At(chosen), At(rejected), At(referenceChosen), At(referenceRejected)), 1f / rows.Length,
            dchosen, drejected, statistics);
    }

    /// <summary>Adds the gradient of one micro-batch; returns the sum of its tokens' entropies.</summary>
    /// <param name="first">Place of the micro-batch's first pair in the step.</param>
    /// <param name="part">Its pairs.</param>
    private double Accumulate(int first, ReadOnlySpan<int> part)
    {
        chunks.Fill(pass.Batch, pairs, part);
        using ArenaScope scope = pass.Arena.Enter();
        pass.Tape.Recording = true;
        pass.Batch.Upload(pass.Arena);
        chunks.Upload(pass.Arena, pass.Batch);
        refChosen = options.ReferenceFree ? default : Upload(referenceChosen, part);
        refRejected = options.ReferenceFree ? default : Upload(referenceRejected, part);
        tokenWeights = perToken.Multipliers(pass, part.Length);
        likelihoodWeights = perToken.Likelihood(pass, part.Length, losses.Likelihood / chosenTokens);
        (givenChosen, givenRejected) = losses.IsCoupled ? (Given(dchosen, first, part.Length), Given(drejected, first, part.Length)) : default;
        column.Clear();
        column.AddRepeated(1f / rows.Length, part.Length);
        weights = column.Upload(pass.Arena);
        Tensor hidden = Ops.GatherRows(pass.Tape, policy.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
        (_, Tensor entropy) = Ops.LinearLogprob(pass.Tape, hidden, policy.Head, pass.Batch.Targets, 1, loss, chunks.Rows);
        pass.Tape.Backward();
        totals.TrainedTokens += pass.Batch.Tokens;
        return column.SumOf(entropy);
    }

    /// <summary>The losses of the pairs of a chunk, and their gradient in the log-probability of each of their tokens.</summary>
    private HeadGradient RowLoss(in HeadRows chunk)
    {
        (int first, int count, Tensor starts) = chunks.At(chunk.Start);
        Tensor gradients = pass.Arena.Allocate(DType.Float32, new Shape(2 * count));
        Tensor left = gradients.RowRange(0, count), right = gradients.RowRange(count, count);
        Tensor multipliers = tokenWeights.IsEmpty ? default : tokenWeights.RowRange(chunk.Start, chunk.Count);
        if (losses.IsCoupled)
        {
            left.CopyFrom(givenChosen.RowRange(first, count));
            right.CopyFrom(givenRejected.RowRange(first, count));
        }
        else
        {
            Tensor sums = pass.Arena.Allocate(DType.Float32, new Shape(2 * count));
            Ops.SegmentSum(PairTokens.Weighted(pass.Arena, chunk.Logprob, multipliers), starts, sums);
            PairSums sides = options.ReferenceFree
                ? new(sums.RowRange(0, count), sums.RowRange(count, count), default, default)
                : new(sums.RowRange(0, count), sums.RowRange(count, count), refChosen.RowRange(first, count), refRejected.RowRange(first, count));
            losses.Add(pass.Arena, sides, weights.RowRange(first, count), left, right, statistics);
        }

        Ops.SegmentSumBackward(gradients, starts, chunk.DLogprob);
        if (!multipliers.IsEmpty)
        {
            Ops.Multiply(chunk.DLogprob, multipliers, chunk.DLogprob);
        }

        if (!likelihoodWeights.IsEmpty)
        {
            // - log pi(y_chosen | x), or - log pi(x, y_chosen), the mean over the tokens of all chosen sides of the step.
            Tensor likelihood = pass.Arena.Allocate(DType.Float32, new Shape(chunk.Count));
            Ops.NllLoss(chunk.Logprob, likelihoodWeights.RowRange(chunk.Start, chunk.Count), default, likelihood, likelihoodStatistics);
            Ops.Add(chunk.DLogprob, likelihood, chunk.DLogprob);
        }

        return HeadGradient.Logprob;
    }

    private Tensor Given(float[] gradients, int first, int count)
    {
        column.Clear();
        column.AddRange(gradients.AsSpan(first, count));
        return column.Upload(pass.Arena);
    }

    private Tensor Upload(float[] values, ReadOnlySpan<int> part)
    {
        column.Clear();
        foreach (int pair in part)
        {
            column.Add(values[pair]);
        }

        return column.Upload(pass.Arena);
    }

    private void Describe(double entropy, MetricRow metrics)
    {
        double[] sums = statistics.ToArray<double>();
        double count = Math.Max(1, sums[2]), chosen = sums[3] / count, rejected = sums[4] / count;
        double[] likelihood = likelihoodStatistics.ToArray<double>();
        metrics[MetricNames.Loss] = sums[0] + likelihood[0];
        metrics[MetricNames.RewardsChosen] = chosen;
        metrics[MetricNames.RewardsRejected] = rejected;
        metrics[MetricNames.RewardsMargins] = chosen - rejected;
        metrics[MetricNames.RewardsAccuracies] = sums[5] / count;
        metrics[MetricNames.LogpsChosen] = chosen / options.Beta + rows.Average(row => (double)referenceChosen[row]);
        metrics[MetricNames.LogpsRejected] = rejected / options.Beta + rows.Average(row => (double)referenceRejected[row]);
        metrics[MetricNames.Entropy] = entropy;
        metrics[MetricNames.GradNorm] = optimizer.GradientNorm;
        metrics[MetricNames.LearningRate] = optimizer.LearningRate;
    }

    /// <summary>Cuts completions to the longest length; a pair of which nothing is left on one side is left out.</summary>
    private void Tokenize(PreferenceDataset data, ILogger logger)
    {
        int context = policy.Config.MaxPositions, cut = 0;
        int longest = options.MaxLength == 0 ? context : Math.Min(options.MaxLength, context);
        foreach (PreferenceExample example in data)
        {
            TokenSequence chosen = TokenSequence.Of(policy, example.Prompt, example.Chosen, example.PromptIds, example.ChosenIds);
            TokenSequence rejected = TokenSequence.Of(policy, example.Prompt, example.Rejected, example.PromptIds, example.RejectedIds);
            cut += chosen.Tokens.Length > longest || rejected.Tokens.Length > longest ? 1 : 0;
            (chosen, rejected) = (chosen.CutTo(longest), rejected.CutTo(longest));
            if (chosen.CompletionLength > 0 && rejected.CompletionLength > 0)
            {
                pairs.Add((chosen, rejected));
            }
        }

        if (pairs.Count == 0)
        {
            throw new GimbalException($"none of the {data.Count} pairs has completions within {longest} tokens: raise train.max_length");
        }

        if (cut > 0)
        {
            Log.LongPairs(logger, "dpo", cut, data.Count, longest, data.Count - pairs.Count);
        }
    }

    private void ReleaseReference()
    {
        if (ownsReference)
        {
            reference?.Dispose();
        }

        reference = null;
    }
}
