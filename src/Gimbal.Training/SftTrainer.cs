using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Supervised fine-tuning: maximum likelihood of completions given prompts.</summary>
/// <remarks>
/// Departures from the usual recipe:
/// <list type="bullet">
/// <item>The loss is the mean over the loss tokens of the optimizer step, fixed before the step is split into micro-batches, so
/// that their size leaves the gradient alone.</item>
/// <item>Sequences are always laid end to end without padding, attention kept apart, so there is no separate packing.</item>
/// <item>The end token is part of the loss; of a dialogue's turns the last alone has one.</item>
/// </list>
/// </remarks>
public sealed class SftTrainer : IDisposable
{
    private readonly LanguageModel model;
    private readonly SftOptions options;
    private readonly List<TokenSequence> examples = [];
    private readonly Column column = new();
    private readonly DataOrder order;
    private readonly Optimizer optimizer;
    private readonly Arena arena;
    private readonly Tape tape;
    private readonly TokenBatch batch = new();
    private readonly TrainingTotals totals = new();
    private readonly ILogger logger;
    private readonly RowLoss loss;
    private readonly int[] rows;
    private readonly EmbeddingNoise? noise;
    private int[] predicted = [];
    private float weight;
    private Tensor weights, losses, guesses;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="model">Trained in place.</param>
    /// <param name="data">Prompts and completions.</param>
    /// <param name="options">Steps, batch, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">The data is empty, or the run needs more memory than there is.</exception>
    public SftTrainer(LanguageModel model, CompletionDataset data, SftOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.model, this.options) = (model, options);
        logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<SftTrainer>();
        int longest = options.MaxLength == 0 ? model.Config.MaxPositions : Math.Min(options.MaxLength, model.Config.MaxPositions);
        foreach (CompletionExample example in data)
        {
            TokenSequence sequence = options.AssistantOnly && example is { Pieces: { } pieces, PromptIds: null, CompletionIds: null }
                ? TokenSequence.Of(model, pieces)
                : TokenSequence.Of(model, example.Prompt, example.Completion, example.PromptIds, example.CompletionIds);
            sequence = (options.CompletionOnly ? sequence : sequence with { PromptLength = 1 }).CutTo(longest);
            if (sequence.LossTokens > 0)
            {
                examples.Add(sequence);
            }
        }

        if (examples.Count == 0)
        {
            throw new GimbalException($"none of the {data.Count} examples has a token to learn within {longest} tokens: raise train.max_length");
        }

        order = new DataOrder(examples.Count, options.Seed);
        optimizer = new Optimizer(model.Store, options.Optimizer, options.MaxSteps);
        rows = new int[options.BatchSize];
        int micro = options.MicroBatch == 0 ? options.BatchSize : Math.Min(options.MicroBatch, options.BatchSize);
        MemoryPlan plan = new();
        plan.AddModel("model", model);
        int most = examples.Max(example => example.Tokens.Length);
        plan.Add("activations", MemoryPlan.TrainingBytes(model, micro, most, options.ZLoss > 0 ? 2 * Ops.HeadChunkRows : Ops.HeadChunkRows) +
                (options.NeftuneAlpha > 0 ? micro * EmbeddingNoise.Bytes(most, model.Config.HiddenSize) : 0),
            "lower train.micro_batch or train.max_length");
        plan.Check(model.Device);
        Log.Planned(logger, "sft", plan);
        Memory = plan;
        arena = new Arena(model.Device, plan.Terms.Last().Bytes);
        tape = new Tape(arena) { Recording = true };
        loss = RowLoss;
        noise = options.NeftuneAlpha > 0 ? new EmbeddingNoise(options.NeftuneAlpha, options.Seed) : null;
    }

    /// <summary>What the run needs of the device's memory.</summary>
    public MemoryPlan Memory { get; }

    /// <summary>Runs all steps.</summary>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Finishes the step, commits a checkpoint, then throws.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    public Task<TrainingResult> TrainAsync(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default) =>
        new TrainingRun
        {
            Command = "sft",
            Options = options,
            Device = model.Device,
            Steps = options.MaxSteps,
            Models = [("model", model.Store, optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = model.Save,
            PeakBytes = () => arena.PeakBytes + model.Store.Bytes,
            Logger = logger,
        }.StartAsync(progress, cancellationToken);

    /// <summary>Gives the memory of the run back; the model stays.</summary>
    public void Dispose()
    {
        arena.Dispose();
        optimizer.Dispose();
    }

    private void Step(int step, MetricRow metrics)
    {
        order.Fill(step, rows);
        Update(rows, metrics, step);
    }

    /// <summary>One optimizer step on examples of these numbers.</summary>
    internal void Update(int[] rows, MetricRow metrics, int step = 0)
    {
        int tokens = 0;
        foreach (int row in rows)
        {
            tokens += examples[row].LossTokens;
        }

        weight = 1f / tokens;
        double lossSum = 0, entropySum = 0;
        long correct = 0;
        int micro = options.MicroBatch == 0 ? rows.Length : options.MicroBatch;
        for (int start = 0; start < rows.Length; start += micro)
        {
            batch.Clear();
            foreach (int row in rows.AsSpan(start, Math.Min(micro, rows.Length - start)))
            {
                batch.Add(examples[row].Tokens, examples[row].PromptLength, learnt: examples[row].Learnt);
            }

            using ArenaScope scope = arena.Enter();
            batch.Upload(arena);
            Forward(noise?.Draw(arena, batch, start, step, model.Config.HiddenSize) ?? default, ref lossSum, ref entropySum, ref correct);
            tape.Backward();
            totals.TrainedTokens += batch.Tokens;
        }

        optimizer.Step();
        totals.Samples += rows.Length;
        metrics[MetricNames.Loss] = lossSum / tokens;
        metrics[MetricNames.Entropy] = entropySum / tokens;
        metrics[MetricNames.MeanTokenAccuracy] = (double)correct / tokens;
        metrics[MetricNames.GradNorm] = optimizer.GradientNorm;
        metrics[MetricNames.LearningRate] = optimizer.LearningRate;
    }

    /// <summary>One micro-batch: forward, loss and gradient of the logits.</summary>
    private void Forward(in Tensor embeddingNoise, ref double lossSum, ref double entropySum, ref long correct)
    {
        Shape rowShape = new(batch.LossRows);
        losses = arena.Allocate(DType.Float32, rowShape);
        guesses = arena.Allocate(DType.Int32, rowShape);
        column.Clear();
        column.AddRepeated(weight, batch.LossRows);
        weights = column.Upload(arena);
        Tensor hidden = Ops.GatherRows(tape, model.Forward(tape, batch, embeddingNoise), batch.Rows);
        (_, Tensor entropy) = Ops.LinearLogprob(tape, hidden, model.Head, batch.Targets, 1, loss);
        lossSum += column.SumOf(losses);
        entropySum += column.SumOf(entropy);
        Array.Resize(ref predicted, Math.Max(predicted.Length, batch.LossRows));
        guesses.CopyTo(predicted.AsSpan(0, batch.LossRows));
        ReadOnlySpan<int> targets = batch.HostTargets;
        for (int i = 0; i < targets.Length; i++)
        {
            correct += predicted[i] == targets[i] ? 1 : 0;
        }
    }

    /// <summary>
    /// -(1 - s) log p_target - s mean_j log p_j + z lse^2, label smoothing s, z-loss z, and its gradient in the logits; or
    /// -p^power log p_target, and its gradient in the log-probability.
    /// </summary>
    private HeadGradient RowLoss(in HeadRows chunk)
    {
        Ops.SampleToken(chunk.Logits, default, default, default, guesses.RowRange(chunk.Start, chunk.Count), default, default,
            temperature: 0);
        Tensor chunkLosses = losses.RowRange(chunk.Start, chunk.Count), chunkWeights = weights.RowRange(chunk.Start, chunk.Count);
        if (options.ProbabilityPower > 0)
        {
            Ops.NllLoss(chunk.Logprob, default, chunkLosses, default, default, options.ProbabilityPower);
            Ops.NllLoss(chunk.Logprob, chunkWeights, default, chunk.DLogprob, default, options.ProbabilityPower);
            return HeadGradient.Logprob;
        }

        Tensor lse = chunk.Lse;
        if (options.LabelSmoothing > 0)
        {
            Ops.CrossEntropy(chunk.Logits, chunk.Targets, chunkLosses, lse, options.LabelSmoothing);
        }
        else
        {
            Ops.NllLoss(chunk.Logprob, default, chunkLosses, default, default, 0);
        }

        Tensor ofSquare = default;
        if (options.ZLoss > 0)
        {
            ofSquare = arena.Allocate(DType.Float32, chunk.Logits.Shape);
            Ops.ZLoss(lse, chunkLosses, options.ZLoss);
            Ops.ZLossBackward(chunk.Logits, lse, chunkWeights, ofSquare, options.ZLoss);
        }

        Ops.CrossEntropyBackward(chunk.Logits, chunk.Targets, lse, chunkWeights, chunk.Logits, options.LabelSmoothing);
        if (!ofSquare.IsEmpty)
        {
            Ops.Add(chunk.Logits, ofSquare, chunk.Logits);
        }

        return HeadGradient.Logits;
    }
}
