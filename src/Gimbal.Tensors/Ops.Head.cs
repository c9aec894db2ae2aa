namespace Gimbal.Tensors;

/// <summary>A chunk of rows on their way through the language-model head.</summary>
/// <param name="Start">First row of the chunk.</param>
/// <param name="Logits">(rows, vocabulary), before temperature; gone when the loss returns.</param>
/// <param name="Targets">Token ids (rows).</param>
/// <param name="Logprob">Log-probabilities of the targets (rows).</param>
/// <param name="Entropy">Entropies of the rows' distributions (rows).</param>
/// <param name="Lse">log sum exp of the logits over the temperature (rows).</param>
/// <param name="DLogprob">To be written: gradient of the loss with respect to each log-probability (rows), 0 before.</param>
/// <param name="DEntropy">To be written where the loss has an entropy term (rows), 0 before.</param>
public readonly record struct HeadRows(int Start, Tensor Logits, Tensor Targets, Tensor Logprob, Tensor Entropy,
    Tensor Lse, Tensor DLogprob, Tensor DEntropy)
{
    /// <summary>Number of rows.</summary>
    public int Count => (int)Logprob.Rows;
}

/// <summary>Which gradients the loss of a chunk has written.</summary>
public enum HeadGradient
{
    /// <summary><see cref="HeadRows.DLogprob"/> alone.</summary>
    Logprob,

    /// <summary><see cref="HeadRows.DLogprob"/> and <see cref="HeadRows.DEntropy"/>.</summary>
    LogprobAndEntropy,

    /// <summary>The logits have been overwritten by their own gradient.</summary>
    Logits,
}

/// <summary>The loss of a chunk of rows: writes its gradients and says which.</summary>
public delegate HeadGradient RowLoss(in HeadRows rows);

public static unsafe partial class Ops
{
    /// <summary>Rows of logits that exist at a time, unless a loss asks for larger chunks: they stay in the cache.</summary>
    public const int HeadChunkRows = 128;

    /// <summary>
    /// Head, log-softmax gather and token loss in chunks of rows, so that logits of all rows never exist: 6 N H V FLOPs forward
    /// and backward. Each chunk's logits become their own gradient in place; dhead is added, dhidden is set.
    /// </summary>
    /// <param name="tape">Recording, or the loss is computed and no gradient.</param>
    /// <param name="hidden">(rows, width).</param>
    /// <param name="head">(vocabulary, width).</param>
    /// <param name="targets">Token ids (rows).</param>
    /// <param name="temperature">Divides the logits; above 0.</param>
    /// <param name="loss">Called for each chunk in ascending order.</param>
    /// <param name="chunks">
    /// Starts of the chunks and, last, the number of rows: for losses that couple rows, which chunk by whole pair or sequence.
    /// Empty: every <see cref="HeadChunkRows"/> rows.
    /// </param>
    /// <returns>Log-probabilities and entropies (rows).</returns>
    public static (Tensor Logprob, Tensor Entropy) LinearLogprob(Tape tape, in Tensor hidden, Parameter head,
        in Tensor targets, float temperature, RowLoss loss, ReadOnlySpan<int> chunks = default)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(head);
        ArgumentNullException.ThrowIfNull(loss);
        Arena arena = tape.Arena;
        Shape rows = new(hidden.Rows);
        Tensor logprob = arena.Allocate(DType.Float32, rows, "linear_logprob");
        Tensor entropy = arena.Allocate(DType.Float32, rows, "linear_logprob");
        Tensor dhidden = default;
        if (tape.Recording)
        {
            dhidden = arena.Allocate(hidden.DType, hidden.Shape, "linear_logprob");
            if (hidden.Gradient is not null)
            {
                tape.SetGradient(hidden, dhidden);
            }
        }

        for (int start = 0, chunk = 0; start < hidden.Rows; chunk++)
        {
            int end = chunks.IsEmpty ? (int)Math.Min(start + HeadChunkRows, hidden.Rows) : chunks[chunk + 1];
            using ArenaScope scope = arena.Enter();
            HeadChunk(tape, hidden, head, targets, temperature, loss, logprob, entropy, dhidden, start, end - start);
            start = end;
        }

        return (logprob, entropy);
    }

    /// <summary>Log-probabilities and entropies without a loss (rows); logits only ever in the workspace.</summary>
    public static (Tensor Logprob, Tensor Entropy) LinearLogprob(Arena arena, in Tensor hidden, Parameter head,
        in Tensor targets, float temperature)
    {
        ArgumentNullException.ThrowIfNull(arena);
        ArgumentNullException.ThrowIfNull(head);
        Shape rows = new(hidden.Rows);
        Tensor logprob = arena.Allocate(DType.Float32, rows, "linear_logprob");
        Tensor entropy = arena.Allocate(DType.Float32, rows, "linear_logprob");
        LinearLogprob(hidden, head.Value, head.Packed(), targets, logprob, entropy, default, temperature);
        return (logprob, entropy);
    }

    private static void HeadChunk(Tape tape, in Tensor hidden, Parameter head, in Tensor targets, float temperature,
        RowLoss loss, in Tensor logprob, in Tensor entropy, in Tensor dhidden, int start, int count)
    {
        Arena arena = tape.Arena;
        Shape rows = new(count);
        Tensor chunk = hidden.RowRange(start, count), chunkTargets = targets.RowRange(start, count);
        Tensor chunkLogprob = logprob.RowRange(start, count), chunkEntropy = entropy.RowRange(start, count);
        Tensor logits = arena.Allocate(DType.Float32, [count, head.Shape.Rows], "logits of a chunk");
        Tensor lse = arena.Allocate(DType.Float32, rows, "linear_logprob");
        Tensor dlogprob = arena.Allocate(DType.Float32, rows, "linear_logprob");
        Tensor dentropy = arena.Allocate(DType.Float32, rows, "linear_logprob");
        dlogprob.Clear();
        dentropy.Clear();
        MatmulPacked(chunk, head.Packed(), default, logits);
        LogprobGather(logits, chunkTargets, chunkLogprob, chunkEntropy, lse, temperature);
        HeadGradient written = loss(new HeadRows(start, logits, chunkTargets, chunkLogprob, chunkEntropy, lse,
            dlogprob, dentropy));
        if (!tape.Recording)
        {
            return;
        }

        if (written != HeadGradient.Logits)
        {
            LogprobGatherBackward(logits, chunkTargets, lse, chunkEntropy, dlogprob,
                written == HeadGradient.LogprobAndEntropy ? dentropy : default, logits, temperature);
        }

        Tensor dchunk = dhidden.RowRange(start, count);
        Tensor indices = arena.Allocate(DType.Int32, rows, "linear_logprob");
        Tensor kept = arena.Allocate(chunk.DType, chunk.Shape, "linear_logprob");
        Tensor dkept = arena.Allocate(chunk.DType, chunk.Shape, "linear_logprob");
        int counting = written == HeadGradient.Logits ? count : KeepRowsThatCount(logits, dlogprob, dentropy, indices);
        if (counting == count)
        {
            HeadBackward(head, logits, chunk, dchunk);
            return;
        }

        dchunk.Clear();
        if (counting > 0)
        {
            (indices, kept, dkept) = (indices.RowRange(0, counting), kept.RowRange(0, counting), dkept.RowRange(0, counting));
            Embedding(chunk, indices, kept);
            HeadBackward(head, logits.RowRange(0, counting), kept, dkept);
            ScatterRows(dkept, indices, dchunk);
        }
    }

    private static void HeadBackward(Parameter head, in Tensor dlogits, in Tensor hidden, in Tensor dhidden)
    {
        Device device = dlogits.Device;
        bool exact = device.IsExact;
        device.IsExact = false;
        MatmulPacked(dlogits, head.PackedTransposed(), default, dhidden);
        if (head.IsTrainable)
        {
            Matmul(dlogits, hidden, default, head.Gradient, transA: true, accumulate: true);
        }

        device.IsExact = exact;
    }

    /// <summary>
    /// Moves the rows whose coefficients are not 0 to the front of <paramref name="dlogits"/>, in their order, writes their
    /// numbers and returns how many they are. The rest would only add zeros to every gradient. Where the host cannot look at
    /// the coefficients without waiting for the device, all rows count.
    /// </summary>
    private static int KeepRowsThatCount(in Tensor dlogits, in Tensor dlogprob, in Tensor dentropy, in Tensor indices)
    {
        int count = (int)dlogprob.Count;
        if (dlogprob.Device.IsMeta || dlogprob.Device.CanRecord)
        {
            return count;
        }

        float* logprobGradient = (float*)dlogprob.Pointer, entropyGradient = (float*)dentropy.Pointer;
        int* numbers = (int*)indices.Pointer;
        int kept = 0;
        for (int r = 0; r < count; r++)
        {
            if (logprobGradient[r] != 0 || entropyGradient[r] != 0)
            {
                numbers[kept++] = r;
            }
        }

        for (int k = 0; k < kept && kept < count; k++)
        {
            if (numbers[k] != k)
            {
                dlogits.RowRange(k, 1).CopyFrom(dlogits.RowRange(numbers[k], 1));
            }
        }

        return kept;
    }
}
