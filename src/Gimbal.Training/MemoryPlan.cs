using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// What a run will need, term by term, before any of it is taken. Activations are found by running one micro-batch of the
/// largest shape on the meta device, which counts and does nothing.
/// </summary>
public sealed class MemoryPlan
{
    private readonly List<(string Term, long Bytes, string Remedy)> terms = [];

    /// <summary>Sum of all terms, in bytes.</summary>
    public long TotalBytes => terms.Sum(term => term.Bytes);

    /// <summary>The terms, in the order they were added.</summary>
    public IEnumerable<(string Term, long Bytes)> Terms => terms.Select(term => (term.Term, term.Bytes));

    /// <summary>Adds a term.</summary>
    /// <param name="term">What it is.</param>
    /// <param name="bytes">How much.</param>
    /// <param name="remedy">What makes it smaller.</param>
    public void Add(string term, long bytes, string remedy) => terms.Add((term, bytes, remedy));

    /// <summary>Adds a model: weights, packs, and, if it trains, gradients and both moments.</summary>
    public void AddModel(string term, TransformerModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Add($"{term}: weights and packs", model.Store.WeightBytes + model.PackBytes, "take a smaller model");
        if (model.Store.IsTrainable)
        {
            Add($"{term}: gradients and moments", 3 * model.Store.Count * sizeof(float), "take a smaller model");
        }
    }

    /// <summary>Checks the plan against the device.</summary>
    /// <exception cref="GimbalException">The device has less memory; the message names the largest term and its remedy.</exception>
    public void Check(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.MemoryBytes > 0 && TotalBytes > device.MemoryBytes)
        {
            (string term, long bytes, string remedy) = terms.MaxBy(entry => entry.Bytes);
            throw new GimbalException(
                $"the run needs {Text(TotalBytes)}, but {device.Name} has {Text(device.MemoryBytes)}. The largest term is " +
                $"{term} with {Text(bytes)}: {remedy}.");
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"memory plan {Text(TotalBytes)}: " + string.Join(", ", terms.Select(term => $"{term.Term} {Text(term.Bytes)}"));

    /// <summary>Arena bytes of one training pass over a micro-batch of a language model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Sequences of the micro-batch.</param>
    /// <param name="length">Tokens of each, the longest.</param>
    /// <param name="chunk">Rows of logits at a time.</param>
    /// <param name="recompute">Blocks are computed again on the way back.</param>
    public static long TrainingBytes(LanguageModel model, int sequences, int length, int chunk = Ops.HeadChunkRows,
        bool recompute = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        using Device meta = Device.Open("meta");
        using LanguageModel twin = model.OnDevice(meta);
        return Run(meta, sequences, length, recompute, (tape, batch) =>
        {
            Tensor hidden = Ops.GatherRows(tape, twin.Forward(tape, batch), batch.Rows);
            int rows = batch.LossRows;
            int[] chunks = [.. Enumerable.Range(0, (rows + chunk - 1) / chunk).Select(i => i * chunk), rows];
            Ops.LinearLogprob(tape, hidden, twin.Head, batch.Targets, 1, static (in HeadRows _) => HeadGradient.LogprobAndEntropy, chunks);
            // What a reference or an old policy needs beside it, and the engine's scratch memory.
            Ops.LinearLogprob(tape.Arena, hidden, twin.Head, batch.Targets, 1);
        });
    }

    /// <summary>Arena bytes of one training pass over a micro-batch of a reward or value model.</summary>
    public static long TrainingBytes(ScoreModel model, int sequences, int length, bool recompute = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        using Device meta = Device.Open("meta");
        using ScoreModel twin = model.OnDevice(meta);
        return Run(meta, sequences, length, recompute, (tape, batch) =>
        {
            Tensor scores = twin.Score(tape, twin.Forward(tape, batch), batch.Rows);
            tape.SetGradient(scores, tape.Arena.Allocate(DType.Float32, scores.Shape));
        });
    }

    /// <summary>Arena bytes of one forward pass over a micro-batch of a reward or value model.</summary>
    public static long ScoringBytes(ScoreModel model, int sequences, int length)
    {
        ArgumentNullException.ThrowIfNull(model);
        using Device meta = Device.Open("meta");
        using ScoreModel twin = model.OnDevice(meta);
        return Run(meta, sequences, length, recompute: false, (tape, batch) =>
        {
            tape.Recording = false;
            twin.Score(tape, twin.Forward(tape, batch), batch.Rows);
        });
    }

    private static long Run(Device meta, int sequences, int length, bool recompute, Action<Tape, TokenBatch> pass)
    {
        using Arena arena = new(meta, 0);
        Tape tape = new(arena) { Recording = true, Recompute = recompute };
        TokenBatch batch = new();
        int[] tokens = new int[Math.Max(2, length)];
        for (int i = 0; i < sequences; i++)
        {
            batch.Add(tokens, promptLength: 1, feedLast: true);
        }

        batch.Upload(arena);
        pass(tape, batch);
        tape.Backward();
        // What a trainer keeps beside the pass: a few numbers for every token, and what alignment adds.
        const long PerToken = 64, PerRun = 1 << 16;
        return arena.PeakBytes + meta.WorkspaceBytes + (long)sequences * tokens.Length * PerToken + PerRun;
    }

    private static string Text(long bytes) => bytes >= 1L << 30
        ? $"{bytes / (double)(1L << 30):F2} GiB"
        : $"{bytes / (double)(1L << 20):F1} MiB";
}
