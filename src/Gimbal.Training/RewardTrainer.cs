using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>A reward model from preference pairs, by the model of Bradley and Terry (Stiennon et al. 2020; Ouyang et al. 2022).</summary>
/// <remarks>
/// Departures from the papers:
/// <list type="bullet">
/// <item>A term that keeps the scores centred on 0 (Eisenstein et al. 2023) is added, of weight
/// <see cref="RewardOptions.Center"/>; 0 is the papers' loss.</item>
/// <item>A pair stands alone: pairs of one prompt are not kept together in a batch.</item>
/// <item>The score is read at the last token, the end token of a finished completion. Pairs with a side longer than the limit are
/// left out, since the cut would take that token.</item>
/// <item>Scores are not shifted after training; their moments are saved beside the model (<see cref="RewardMoments"/>).</item>
/// <item>The loss is the mean over the pairs of the optimizer step, fixed before the step is split into micro-batches.</item>
/// </list>
/// </remarks>
public sealed class RewardTrainer : IDisposable
{
    private const int StatisticsCount = 6;
    private const int MomentPairs = 1024;

    private readonly ScoreModel model;
    private readonly PreferenceDataset data;
    private readonly RewardOptions options;
    private readonly List<(TokenSequence Chosen, TokenSequence Rejected)> pairs;
    private readonly DataOrder order;
    private readonly Optimizer optimizer;
    private readonly Arena arena;
    private readonly Tape tape;
    private readonly TokenBatch batch = new();
    private readonly Column column = new();
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly Tensor statistics;
    private readonly int[] rows;
    private readonly (TokenSequence Chosen, TokenSequence Rejected)[] stepPairs;
    private readonly int microBatch;

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="model">Trained in place.</param>
    /// <param name="pairs">Prompts with a better and a worse completion.</param>
    /// <param name="options">Steps, batch, centring, optimizer.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">No pair fits, or the run needs more memory than there is.</exception>
    public RewardTrainer(ScoreModel model, PreferenceDataset pairs, RewardOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.model, data, this.options) = (model, pairs, options);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RewardTrainer>();
        int limit = options.MaxLength == 0 ? model.Config.MaxPositions : Math.Min(options.MaxLength, model.Config.MaxPositions);
        this.pairs = [.. Tokenize(pairs).Where(pair => Longest(pair) <= limit)];
        int leftOut = pairs.Count - this.pairs.Count;
        if (this.pairs.Count == 0)
        {
            throw new GimbalException($"none of the {pairs.Count} pairs fits into {limit} tokens: raise train.max_length");
        }

        if (leftOut > 0)
        {
            Log.LongPairs(logger, "reward", leftOut, pairs.Count, limit, leftOut);
        }

        order = new DataOrder(this.pairs.Count, options.Seed);
        optimizer = new Optimizer(model.Store, options.Optimizer, options.MaxSteps);
        rows = new int[options.BatchSize];
        stepPairs = new (TokenSequence, TokenSequence)[options.BatchSize];
        microBatch = options.MicroBatch == 0 ? options.BatchSize : Math.Min(options.MicroBatch, options.BatchSize);
        MemoryPlan plan = new();
        plan.AddModel("model", model);
        plan.Add("activations", MemoryPlan.TrainingBytes(model, 2 * microBatch, this.pairs.Max(Longest)),
            "lower train.micro_batch or train.max_length");
        plan.Check(model.Device);
        Log.Planned(logger, "reward", plan);
        Memory = plan;
        arena = new Arena(model.Device, plan.Terms.Last().Bytes);
        tape = new Tape(arena) { Recording = true };
        statistics = arena.Allocate(DType.Float64, new Shape(StatisticsCount));
        run = new TrainingRun
        {
            Command = "reward",
            Options = options,
            Device = model.Device,
            Steps = options.MaxSteps,
            Models = [("model", model.Store, optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = Save,
            PeakBytes = () => arena.PeakBytes + model.Store.Bytes,
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

    /// <summary>Pairs, held out from training, whose better completion the model scores above the worse one, and their number.</summary>
    public (int Right, int Count) Evaluate(PreferenceDataset heldOut)
    {
        ArgumentNullException.ThrowIfNull(heldOut);
        float[] scores = Score(heldOut, heldOut.Count);
        int right = 0;
        for (int i = 0; i < scores.Length; i += 2)
        {
            right += scores[i] > scores[i + 1] ? 1 : 0;
        }

        return (right, heldOut.Count);
    }

    /// <summary>Mean and standard deviation of the scores of both completions of up to 1,024 pairs.</summary>
    public RewardMoments Moments(PreferenceDataset sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return RewardMoments.Of(Score(sample, MomentPairs));
    }

    /// <summary>Writes the model and, as <c>reward.json</c>, the moments of its scores on the training pairs.</summary>
    public void Save(string folder)
    {
        model.Save(folder);
        Moments(data).Save(folder);
    }

    /// <summary>Gives the memory of the run back; the model stays.</summary>
    public void Dispose()
    {
        arena.Dispose();
        optimizer.Dispose();
    }

    private void Step(int step, MetricRow metrics)
    {
        order.Fill(step, rows);
        for (int i = 0; i < rows.Length; i++)
        {
            stepPairs[i] = pairs[rows[i]];
        }

        Update(stepPairs, metrics);
    }

    /// <summary>One optimizer step on some pairs.</summary>
    internal void Update(ReadOnlySpan<(TokenSequence Chosen, TokenSequence Rejected)> chosen, MetricRow metrics)
    {
        // Mean over the pairs of the step of -log sigmoid(r_chosen - r_rejected) + center (r_chosen + r_rejected)^2.
        statistics.Clear();
        float smallest = float.PositiveInfinity, largest = float.NegativeInfinity;
        for (int start = 0; start < chosen.Length; start += microBatch)
        {
            foreach (float score in Accumulate(chosen.Slice(start, Math.Min(microBatch, chosen.Length - start)), 1f / chosen.Length))
            {
                (smallest, largest) = (Math.Min(smallest, score), Math.Max(largest, score));
            }
        }

        optimizer.Step();
        totals.Samples += chosen.Length;
        double[] sums = statistics.ToArray<double>();
        metrics[MetricNames.Loss] = sums[0];
        metrics[MetricNames.MinReward] = smallest;
        metrics[MetricNames.MeanReward] = (sums[3] + sums[4]) / (2 * sums[2]);
        metrics[MetricNames.MaxReward] = largest;
        metrics[MetricNames.Accuracy] = sums[5] / sums[2];
        metrics[MetricNames.Margin] = (sums[3] - sums[4]) / sums[2];
        metrics[MetricNames.GradNorm] = optimizer.GradientNorm;
        metrics[MetricNames.LearningRate] = optimizer.LearningRate;
    }

    /// <summary>Adds the gradient of one micro-batch; returns its scores, of all chosen, then of all rejected.</summary>
    private ReadOnlySpan<float> Accumulate(ReadOnlySpan<(TokenSequence Chosen, TokenSequence Rejected)> part, float weight)
    {
        batch.Clear();
        foreach ((TokenSequence chosen, _) in part)
        {
            batch.Add(chosen.Tokens, chosen.PromptLength, feedLast: true);
        }

        foreach ((_, TokenSequence rejected) in part)
        {
            batch.Add(rejected.Tokens, rejected.PromptLength, feedLast: true);
        }

        using ArenaScope scope = arena.Enter();
        batch.Upload(arena);
        column.Clear();
        column.AddRepeated(weight, part.Length);
        Tensor weights = column.Upload(arena);
        Tensor scores = model.Score(tape, model.Forward(tape, batch), batch.LastRows);
        Tensor gradients = arena.Allocate(DType.Float32, scores.Shape);
        int count = part.Length;
        Ops.RewardLoss(scores.RowRange(0, count), scores.RowRange(count, count), default, weights, default,
            gradients.RowRange(0, count), gradients.RowRange(count, count), statistics, options.Center);
        tape.SetGradient(scores, gradients);
        tape.Backward();
        totals.TrainedTokens += batch.Tokens;
        return column.Download(scores);
    }

    /// <summary>Scores of the first pairs of a data set: chosen, rejected, chosen, ...</summary>
    private float[] Score(PreferenceDataset examples, int most)
    {
        List<TokenSequence> sequences = [];
        foreach ((TokenSequence chosen, TokenSequence rejected) in Tokenize(examples).Take(most))
        {
            sequences.Add(chosen.CutTo(model.Config.MaxPositions));
            sequences.Add(rejected.CutTo(model.Config.MaxPositions));
        }

        using Arena scratch = new(model.Device, MemoryPlan.ScoringBytes(model, 2 * microBatch, sequences.Max(sequence => sequence.Tokens.Length)));
        float[] scores = new float[sequences.Count];
        new ScorePass(scratch).Scores(model, sequences, 2 * microBatch, scores);
        return scores;
    }

    private IEnumerable<(TokenSequence Chosen, TokenSequence Rejected)> Tokenize(PreferenceDataset examples) => examples.Select(example =>
        (TokenSequence.Of(model, example.Prompt, example.Chosen, example.PromptIds, example.ChosenIds),
         TokenSequence.Of(model, example.Prompt, example.Rejected, example.PromptIds, example.RejectedIds)));

    private static int Longest((TokenSequence Chosen, TokenSequence Rejected) pair) =>
        Math.Max(pair.Chosen.Tokens.Length, pair.Rejected.Tokens.Length);
}
