namespace Gimbal.Tensors;

/// <summary>Heads of a fused query, key and value projection: a row is q | k | v.</summary>
/// <param name="QueryHeads">Heads of the queries.</param>
/// <param name="KeyValueHeads">Heads of keys and of values; divides the query heads.</param>
/// <param name="HeadDim">Width of a head.</param>
public readonly record struct AttentionHeads(int QueryHeads, int KeyValueHeads, int HeadDim)
{
    /// <summary>Columns of the queries.</summary>
    public long QueryWidth => (long)QueryHeads * HeadDim;

    /// <summary>Columns of the keys, and of the values.</summary>
    public long KeyValueWidth => (long)KeyValueHeads * HeadDim;

    /// <summary>Scale of the scores, 1 / sqrt(head dim).</summary>
    public float Scale => 1f / MathF.Sqrt(HeadDim);
}

/// <summary>How token rows, laid end to end without padding, fall into sequences.</summary>
/// <param name="Starts">First row of each sequence and, last, the number of rows (sequences + 1).</param>
/// <param name="Lengths">Keys of each sequence (sequences): its rows, or more with a cache.</param>
/// <param name="MaxLength">Largest of the lengths.</param>
public readonly record struct SequenceLayout(Tensor Starts, Tensor Lengths, long MaxLength);

public static unsafe partial class Ops
{
    /// <summary>Causal grouped-query attention of every sequence over itself: training, and scoring without a cache.</summary>
    /// <param name="tape">Recording for training.</param>
    /// <param name="qkv">(tokens, q | k | v).</param>
    /// <param name="layout">The sequences.</param>
    /// <param name="heads">How a row divides.</param>
    /// <returns>(tokens, query width).</returns>
    public static Tensor Attention(Tape tape, in Tensor qkv, in SequenceLayout layout, in AttentionHeads heads)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.Output(qkv.DType, [qkv.Rows, heads.QueryWidth], "attention");
        Tensor lse = tape.Recording ? tape.Arena.Allocate(DType.Float32, [qkv.Rows, heads.QueryHeads], "attention") : default;
        (Tensor q, Tensor k, Tensor v) = Split(qkv, heads);
        Tensor starts = layout.Starts.RowRange(0, layout.Lengths.Count);
        Attention(q, k, v, layout.Starts, starts, layout.Lengths, default, y, lse, heads.HeadDim, heads.Scale);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry
            {
                Backward = Backward,
                Output = y,
                A = qkv,
                B = lse,
                C = layout.Starts,
                Integer = heads.QueryHeads,
                Scalar = heads.HeadDim,
            });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy) && tape.FirstTarget(entry.A) is { IsEmpty: false } dqkv)
            {
                int headDim = (int)entry.Scalar;
                int keyValueHeads = ((int)(entry.A.Width / headDim) - entry.Integer) / 2;
                AttentionHeads heads = new(entry.Integer, keyValueHeads, headDim);
                (Tensor q, Tensor k, Tensor v) = Split(entry.A, heads);
                (Tensor dq, Tensor dk, Tensor dv) = Split(dqkv, heads);
                AttentionBackward(q, k, v, entry.Output, entry.B, dy, entry.C, dq, dk, dv, headDim, heads.Scale);
            }
        }
    }

    /// <summary>Attention of new tokens over the keys and values of a paged cache, theirs included; the bits are the same.</summary>
    /// <param name="arena">Where the output goes.</param>
    /// <param name="qkv">(tokens, q | k | v) of the new tokens; k and v have been written to the cache.</param>
    /// <param name="keys">(cache rows, key width).</param>
    /// <param name="values">(cache rows, value width).</param>
    /// <param name="layout">The sequences; lengths count all keys.</param>
    /// <param name="heads">How a row divides.</param>
    /// <param name="pages">Pages of each sequence (sequences, most pages).</param>
    /// <param name="pageSize">Rows of a page.</param>
    /// <returns>(tokens, query width).</returns>
    public static Tensor Attention(Arena arena, in Tensor qkv, in Tensor keys, in Tensor values, in SequenceLayout layout,
        in AttentionHeads heads, in Tensor pages, int pageSize)
    {
        ArgumentNullException.ThrowIfNull(arena);
        Tensor y = arena.Allocate(qkv.DType, [qkv.Rows, heads.QueryWidth], "attention");
        Attention(qkv.Columns(0, heads.QueryWidth), keys, values, layout.Starts, default, layout.Lengths, pages, y, default,
            heads.HeadDim, heads.Scale, pageSize);
        return y;
    }

    private static (Tensor Q, Tensor K, Tensor V) Split(in Tensor qkv, in AttentionHeads heads) =>
        (qkv.Columns(0, heads.QueryWidth), qkv.Columns(heads.QueryWidth, heads.KeyValueWidth),
            qkv.Columns(heads.QueryWidth + heads.KeyValueWidth, heads.KeyValueWidth));
}
