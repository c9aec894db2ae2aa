using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Kahneman-Tversky optimisation (Ethayarajh et al. 2024): completions with a label of their own, no pairs.</summary>
/// <remarks>
/// Departures from the paper:
/// <list type="bullet">
/// <item>z0 is estimated over the examples of the optimizer step, each prompt with the completion of the next example, and held
/// for all its micro-batches.</item>
/// <item><see cref="KtoOptions.Loss"/> may be BCO (Jung et al. 2024), whose delta is the running mean of all rewards, or KTO
/// measured from 0 (APO-zero).</item>
/// <item>The loss is the mean over the examples of the step, desirable or not, each with the weight of its label.</item>
/// </list>
/// </remarks>
public sealed class KtoTrainer : IDisposable
{
    private const int ChunkRows = 256, StatisticsCount = 6;

    private readonly LanguageModel policy;
    private readonly LanguageModel reference;
    private readonly KtoOptions options;
    private readonly List<(TokenSequence Sequence, bool IsDesirable)> examples = [];
    private readonly DataOrder order;
    private readonly Optimizer optimizer;
    private readonly PolicyPass pass;
    private readonly SequenceChunks chunks = new(ChunkRows);
    private readonly RunningMoments moments = new(1, initialCount: 0);
    private readonly Column column = new();
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly Tensor statistics;
    private readonly RowLoss loss;
    private readonly int[] rows;
    private readonly int microBatch;
    private readonly bool ownsReference;
    private Tensor referenceSums, labels, weights;
    private float shift;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="policy">Trained in place.</param>
    /// <param name="data">Completions with their labels.</param>
    /// <param name="options">Steps, batch, beta, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <param name="reference">Frozen reference; null: a copy of the policy as it is now.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">No example fits, or the run needs more memory than there is.</exception>
    public KtoTrainer(LanguageModel policy, LabelledDataset data, KtoOptions options, ILoggerFactory? loggerFactory = null,
        LanguageModel? reference = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.policy, this.options) = (policy, options);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<KtoTrainer>();
        int longest = options.MaxLength == 0 ? policy.Config.MaxPositions : Math.Min(options.MaxLength, policy.Config.MaxPositions);
        foreach (LabelledExample example in data)
        {
            TokenSequence sequence = TokenSequence.Of(policy, example.Prompt, example.Completion, example.PromptIds, example.CompletionIds).CutTo(longest);
            if (sequence.CompletionLength > 0)
            {
                examples.Add((sequence, example.IsDesirable));
            }
        }

        if (examples.Count == 0)
        {
            throw new GimbalException($"none of the {data.Count} examples has a completion within {longest} tokens: raise train.max_length");
        }

        ownsReference = reference is null;
        this.reference = reference ?? policy.Clone(trainable: false);
        order = new DataOrder(examples.Count, options.Seed);
        optimizer = new Optimizer(policy.Store, options.Optimizer, options.MaxSteps);
        rows = new int[options.BatchSize];
        microBatch = options.MicroBatch == 0 ? options.BatchSize : Math.Min(options.MicroBatch, options.BatchSize);
        MemoryPlan plan = new();
        plan.AddModel("policy", policy);
        plan.AddModel("reference", this.reference);
        plan.Add("activations", MemoryPlan.TrainingBytes(policy, microBatch, longest, Math.Max(ChunkRows, longest)),
            "lower train.micro_batch or train.max_length");
        plan.Check(policy.Device);
        Log.Planned(logger, "kto", plan);
        Memory = plan;
        pass = new PolicyPass(policy.Device, plan.Terms.Last().Bytes);
        statistics = pass.Arena.Allocate(DType.Float64, new Shape(StatisticsCount));
        loss = RowLoss;
        run = new TrainingRun
        {
            Command = "kto",
            Options = options,
            Device = policy.Device,
            Steps = options.MaxSteps,
            Models = [("policy", policy.Store, optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = policy.Save,
            WriteState = moments.Save,
            ReadState = moments.Load,
            PeakBytes = () => pass.Arena.PeakBytes + policy.Store.Bytes + this.reference.Store.Bytes,
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
            reference.Dispose();
        }
    }

    private void Step(int step, MetricRow metrics)
    {
        // h = log pi(y | x) - log pi_ref(y | x); what rewards are measured from: z0, delta or 0.
        order.Fill(step, rows);
        TokenSequence[] sequences = [.. rows.Select(row => examples[row].Sequence)];
        float[] ofReference = Sums(reference, sequences);
        shift = options.Loss switch
        {
            UnpairedLossKind.Kto => options.Beta * ZeroPoint(sequences),
            UnpairedLossKind.Bco => UnpairedShift.Delta(moments, [.. Sums(policy, sequences).Zip(ofReference, (p, r) => options.Beta * (p - r))]),
            _ => 0,
        };

        // Mean over the examples of 1 - sigmoid(beta h - beta z0), or of 1 - sigmoid(beta z0 - beta h) where undesirable.
        statistics.Clear();
        double entropy = 0;
        int tokens = 0;
        for (int start = 0; start < rows.Length; start += microBatch)
        {
            int count = Math.Min(microBatch, rows.Length - start);
            entropy += Accumulate(sequences.AsSpan(start, count), rows.AsSpan(start, count), ofReference.AsSpan(start, count));
            tokens += pass.Batch.LossRows;
        }

        optimizer.Step();
        totals.Samples += rows.Length;
        Describe(entropy / tokens, metrics);
    }

    /// <summary>KL(policy || reference) as the mean log-ratio of completions under prompts that are not theirs, at least 0.</summary>
    private float ZeroPoint(TokenSequence[] sequences)
    {
        TokenSequence[] mismatched = [.. sequences.Select((sequence, i) =>
        {
            TokenSequence next = sequences[(i + 1) % sequences.Length];
            int[] prompt = sequence.Tokens[..sequence.PromptLength], completion = next.Tokens[next.PromptLength..];
            int room = policy.Config.MaxPositions - prompt.Length;
            return new TokenSequence([.. prompt, .. completion[..Math.Clamp(room, 1, completion.Length)]], prompt.Length);
        })];
        return UnpairedShift.ZeroPoint(Sums(policy, mismatched), Sums(reference, mismatched));
    }

    /// <summary>Sums of log-probabilities over completions. Nothing is recorded.</summary>
    private float[] Sums(LanguageModel model, TokenSequence[] sequences)
    {
        float[] logprobs = new float[sequences.Sum(sequence => sequence.CompletionLength)], sums = new float[sequences.Length];
        pass.Logprobs(model, sequences, 1, microBatch, logprobs);
        for (int i = 0, at = 0; i < sums.Length; at += sequences[i++].CompletionLength)
        {
            double sum = 0;
            foreach (float logprob in logprobs.AsSpan(at, sequences[i].CompletionLength))
            {
                sum += logprob;
            }

            sums[i] = (float)sum;
        }

        return sums;
    }

    /// <summary>Adds the gradient of one micro-batch; returns the sum of its tokens' entropies.</summary>
    private double Accumulate(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<int> part, ReadOnlySpan<float> ofReference)
    {
        pass.Batch.Clear();
        foreach (TokenSequence sequence in sequences)
        {
            pass.Batch.Add(sequence.Tokens, sequence.PromptLength);
        }

        using ArenaScope scope = pass.Arena.Enter();
        pass.Tape.Recording = true;
        pass.Batch.Upload(pass.Arena);
        chunks.Upload(pass.Arena, pass.Batch);
        column.Clear();
        column.AddRange(ofReference);
        referenceSums = column.Upload(pass.Arena);
        column.Clear();
        byte[] desirable = new byte[part.Length];
        for (int i = 0; i < part.Length; i++)
        {
            desirable[i] = (byte)(examples[part[i]].IsDesirable ? 1 : 0);
            column.Add((desirable[i] != 0 ? options.DesirableWeight : options.UndesirableWeight) / rows.Length);
        }

        weights = column.Upload(pass.Arena);
        labels = pass.Arena.Allocate(DType.UInt8, new Shape(part.Length));
        labels.CopyFrom<byte>(desirable);
        Tensor hidden = Ops.GatherRows(pass.Tape, policy.Forward(pass.Tape, pass.Batch), pass.Batch.Rows);
        (_, Tensor entropy) = Ops.LinearLogprob(pass.Tape, hidden, policy.Head, pass.Batch.Targets, 1, loss, chunks.Rows);
        pass.Tape.Backward();
        totals.TrainedTokens += pass.Batch.Tokens;
        return column.SumOf(entropy);
    }

    /// <summary>The loss of the completions of a chunk, and its gradient in the log-probability of each of their tokens.</summary>
    private HeadGradient RowLoss(in HeadRows chunk)
    {
        Tensor starts = chunks.At(chunk.Start);
        int count = (int)starts.Count - 1, first = chunks.FirstAt(chunk.Start);
        Tensor sums = pass.Arena.Allocate(DType.Float32, new Shape(count)), gradients = pass.Arena.Allocate(DType.Float32, new Shape(count));
        Ops.SegmentSum(chunk.Logprob, starts, sums);
        Ops.UnpairedLoss(sums, referenceSums.RowRange(first, count), labels.RowRange(first, count), weights.RowRange(first, count), default,
            gradients, statistics, options.Beta, shift, options.Loss == UnpairedLossKind.Bco ? UnpairedForm.Bco : UnpairedForm.Kto);
        Ops.SegmentSumBackward(gradients, starts, chunk.DLogprob);
        return HeadGradient.Logprob;
    }

    private void Describe(double entropy, MetricRow metrics)
    {
        double[] sums = statistics.ToArray<double>();
        double chosen = sums[3] / Math.Max(1, sums[5]), rejected = sums[4] / Math.Max(1, sums[2] - sums[5]);
        metrics[MetricNames.Loss] = sums[0];
        metrics[MetricNames.RewardsChosen] = chosen;
        metrics[MetricNames.RewardsRejected] = rejected;
        metrics[MetricNames.RewardsMargins] = chosen - rejected;
        metrics[MetricNames.Kl] = shift / options.Beta;
        metrics[MetricNames.Entropy] = entropy;
        metrics[MetricNames.GradNorm] = optimizer.GradientNorm;
        metrics[MetricNames.LearningRate] = optimizer.LearningRate;
    }
}
