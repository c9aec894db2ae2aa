using System.Runtime.CompilerServices;
using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>
    /// Causal grouped-query attention over sequences of any lengths, prefill and decode alike:
    /// y_i = sum_{j &lt;= p_i} softmax_j(scale q_i . k_j) v_j for each head. A token's bits do not depend on the other queries
    /// of the call, nor on where its keys lie.
    /// </summary>
    /// <param name="q">(tokens, query heads * head_dim). Rows of this and the next three may be strided.</param>
    /// <param name="k">(key rows, key heads * head_dim); query heads are a multiple of key heads.</param>
    /// <param name="v">As <paramref name="k"/>, with the same row stride.</param>
    /// <param name="qStarts">(sequences + 1), int32: queries of sequence s are rows qStarts[s] to qStarts[s + 1] - 1 of q.</param>
    /// <param name="kStarts">(sequences), int32: first key row of each; empty with pages.</param>
    /// <param name="kLengths">(sequences), int32: keys of each; its queries are the last positions of them.</param>
    /// <param name="pages">
    /// (sequences, pages), int32: key j is row pages[s, j / pageSize] * pageSize + j % pageSize; empty for contiguous keys.
    /// </param>
    /// <param name="y">As <paramref name="q"/>.</param>
    /// <param name="lse">(tokens, query heads), the log-sum-exp of the scaled scores; may be empty.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="scale">Of the scores; 1 / sqrt(headDim) as a rule.</param>
    /// <param name="pageSize">Rows of a page, a multiple of 32; 0 without pages.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">An index leaves its tensor, or an element type is not supported.</exception>
    public static void Attention(in Tensor q, in Tensor k, in Tensor v, in Tensor qStarts, in Tensor kStarts,
        in Tensor kLengths, in Tensor pages, in Tensor y, in Tensor lse, int headDim, float scale, int pageSize = 0)
    {
        long sequences = kLengths.Count;
        AttentionShape shape = ShapeOf(q, k, v, y, lse, sequences, headDim, scale);
        WantCount(qStarts, DType.Int32, sequences + 1);
        WantCount(kLengths, DType.Int32, sequences);
        WantOptional(kStarts, DType.Int32, sequences);
        shape.PageSize = pageSize;
        if (!pages.IsEmpty)
        {
            shape.MaxPages = pages.Width;
            WantCount(pages, DType.Int32, sequences * shape.MaxPages);
        }

        shape.MaxLength = pageSize > 0 ? shape.MaxPages * pageSize : k.Rows;
        NativeMethods.gb_attention(q.Device.Context, q.Pointer, k.Pointer, v.Pointer, (int*)qStarts.Pointer,
            (int*)kStarts.Pointer, (int*)kLengths.Pointer, (int*)pages.Pointer, y.Pointer, (float*)lse.Pointer, shape)
            .Check();
    }

    /// <summary>
    /// The gradients of <see cref="Attention"/> where every query has its own key and keys are contiguous:
    /// p = exp(scale q_i . k_j - lse_i), D_i = dy_i . y_i, ds = p (dy_i . v_j - D_i); dv_j = sum_i p dy_i,
    /// dq_i = scale sum_j ds k_j, dk_j = scale sum_i ds q_i. The gradients are written, not added.
    /// </summary>
    /// <param name="q">As in the forward.</param>
    /// <param name="k">(tokens or more, key heads * head_dim).</param>
    /// <param name="v">As <paramref name="k"/>.</param>
    /// <param name="y">The result of the forward.</param>
    /// <param name="lse">The log-sum-exp of the forward.</param>
    /// <param name="dy">The gradient of y, with its row stride.</param>
    /// <param name="qStarts">(sequences + 1), int32: rows of each sequence, in q and in k.</param>
    /// <param name="dq">Gradient of q, with its row stride.</param>
    /// <param name="dk">Gradient of k, with its row stride.</param>
    /// <param name="dv">Gradient of v, with its row stride.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="scale">Of the scores.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">An index leaves its tensor, or an element type is not supported.</exception>
    public static void AttentionBackward(in Tensor q, in Tensor k, in Tensor v, in Tensor y, in Tensor lse, in Tensor dy,
        in Tensor qStarts, in Tensor dq, in Tensor dk, in Tensor dv, int headDim, float scale)
    {
        AttentionShape shape = ShapeOf(q, k, v, y, lse, qStarts.Count - 1, headDim, scale);
        WantCount(qStarts, DType.Int32, qStarts.Count);
        WantCount(lse, DType.Float32, q.Rows * shape.QHeads);
        WantTwin(dy, y);
        WantTwin(dq, q);
        WantTwin(dk, k);
        WantTwin(dv, v);
        shape.MaxLength = q.Rows;
        NativeMethods.gb_attention_backward(q.Device.Context, q.Pointer, k.Pointer, v.Pointer, y.Pointer,
            (float*)lse.Pointer, dy.Pointer, (int*)qStarts.Pointer, dq.Pointer, dk.Pointer, dv.Pointer, shape).Check();
    }

    private static AttentionShape ShapeOf(in Tensor q, in Tensor k, in Tensor v, in Tensor y, in Tensor lse,
        long sequences, int headDim, float scale)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(headDim, 1);
        if (q.Width % headDim != 0 || k.Width == 0 || k.Width % headDim != 0)
        {
            Refuse(q.Width % headDim != 0 ? q : k, $"rows of whole heads of {headDim}",
                q.Width % headDim != 0 ? nameof(q) : nameof(k));
        }

        WantTwin(v, k);
        WantMatrix(y, q.Rows, q.Width);
        WantOptional(lse, DType.Float32, q.Rows * (q.Width / headDim));
        return new AttentionShape
        {
            StructSize = sizeof(AttentionShape),
            Dtype = (int)q.DType,
            KvDtype = (int)k.DType,
            Sequences = sequences,
            Tokens = q.Rows,
            QHeads = q.Width / headDim,
            KvHeads = k.Width / headDim,
            HeadDim = headDim,
            QStride = q.RowStride,
            KvStride = k.RowStride,
            YStride = y.RowStride,
            KvRows = k.Rows,
            Scale = scale,
        };
    }

    /// <summary>The element type, rows, width and row stride of another tensor.</summary>
    private static void WantTwin(in Tensor tensor, in Tensor other,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.IsEmpty || tensor.DType != other.DType || tensor.Rows != other.Rows || tensor.Width != other.Width ||
            tensor.RowStride != other.RowStride)
        {
            Refuse(tensor, $"{other.DType} ({other.Rows}, {other.Width}) with rows {other.RowStride} elements apart", name);
        }
    }
}
