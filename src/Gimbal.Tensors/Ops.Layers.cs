using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>The two forms of <see cref="Ops.Gelu"/>, with the values of the engine.</summary>
public enum GeluForm
{
    /// <summary>0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), as GPT-2 has it.</summary>
    Tanh = 0,

    /// <summary>x Phi(x) by the error function.</summary>
    Erf = 1,
}

public static unsafe partial class Ops
{
    /// <summary>y_r = table[ids_r]: the rows of a table, or of hidden states, that the ids name.</summary>
    /// <param name="table">(vocabulary, width).</param>
    /// <param name="ids">rows of int32.</param>
    /// <param name="y">(rows, width).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">An id is outside the table; nothing was written.</exception>
    public static void Embedding(in Tensor table, in Tensor ids, in Tensor y)
    {
        WantCount(table, table.DType, table.Count);
        WantCount(ids, DType.Int32, ids.Count);
        WantCount(y, y.DType, ids.Count * table.Width);
        NativeMethods.gb_embedding(table.Device.Context, table.Pointer, (int*)ids.Pointer, y.Pointer, ids.Count,
            table.Width, table.Rows, (int)table.DType, (int)y.DType).Check();
    }

    /// <summary>dtable[ids_r] += dy_r, rows in ascending order.</summary>
    /// <param name="dy">(rows, width).</param>
    /// <param name="ids">rows of int32.</param>
    /// <param name="dtable">(vocabulary, width), added.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">An id is outside the table; nothing was written.</exception>
    public static void EmbeddingBackward(in Tensor dy, in Tensor ids, in Tensor dtable)
    {
        WantCount(dtable, DType.Float32, dtable.Count);
        WantCount(ids, DType.Int32, ids.Count);
        WantCount(dy, dy.DType, ids.Count * dtable.Width);
        NativeMethods.gb_embedding_backward(dy.Device.Context, dy.Pointer, (int*)ids.Pointer, (float*)dtable.Pointer,
            ids.Count, dtable.Width, dtable.Rows, (int)dy.DType).Check();
    }

    /// <summary>y[indices_r] = x_r; a negative index leaves its row out. Indices are distinct.</summary>
    /// <param name="x">(rows, width); rows may be strided.</param>
    /// <param name="indices">rows of int32.</param>
    /// <param name="y">(rows of the target, width).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">An index is beyond the target; nothing was written.</exception>
    public static void ScatterRows(in Tensor x, in Tensor indices, in Tensor y)
    {
        WantRows(x, x.DType, indices.Count, y.Width);
        WantCount(indices, DType.Int32, indices.Count);
        WantCount(y, y.DType, y.Count);
        NativeMethods.gb_scatter_rows(x.Device.Context, x.Pointer, (int*)indices.Pointer, y.Pointer, x.Rows, x.Width,
            y.Rows, x.RowStride, (int)x.DType, (int)y.DType).Check();
    }

    /// <summary>Root-mean-square norm: y = x * rstd * weight, rstd_r = 1/sqrt(mean_j x_rj^2 + epsilon).</summary>
    /// <remarks>Zhang and Sennrich 2019.</remarks>
    /// <param name="x">(rows, width).</param>
    /// <param name="weight">(width).</param>
    /// <param name="y">As x.</param>
    /// <param name="rstd">(rows), kept for the backward; may be empty.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Rmsnorm(in Tensor x, in Tensor weight, in Tensor y, in Tensor rstd, float epsilon)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(weight, weight.DType, x.Width);
        Want(y, y.DType, x.Shape);
        WantOptional(rstd, DType.Float32, x.Rows);
        NativeMethods.gb_rmsnorm(x.Device.Context, x.Pointer, weight.Pointer, y.Pointer, (float*)rstd.Pointer, x.Rows,
            x.Width, epsilon, (int)x.DType, (int)weight.DType, (int)y.DType).Check();
    }

    /// <summary>
    /// With g = dy * weight and xhat = x * rstd: dx = rstd * (g - xhat * mean_j(g * xhat)), dweight += sum_r dy * xhat.
    /// </summary>
    /// <param name="dy">(rows, width).</param>
    /// <param name="x">As dy: the forward's input.</param>
    /// <param name="weight">(width).</param>
    /// <param name="rstd">(rows), of the forward.</param>
    /// <param name="dx">As dy; written, or added if <paramref name="accumulate"/>.</param>
    /// <param name="dweight">(width), added; may be empty.</param>
    /// <param name="accumulate">Adds to dx.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void RmsnormBackward(in Tensor dy, in Tensor x, in Tensor weight, in Tensor rstd, in Tensor dx,
        in Tensor dweight, bool accumulate = false)
    {
        WantCount(x, x.DType, x.Count);
        Want(dy, dy.DType, x.Shape);
        WantCount(weight, weight.DType, x.Width);
        WantCount(rstd, DType.Float32, x.Rows);
        Want(dx, x.DType, x.Shape);
        WantOptional(dweight, DType.Float32, x.Width);
        NativeMethods.gb_rmsnorm_backward(x.Device.Context, dy.Pointer, x.Pointer, weight.Pointer, (float*)rstd.Pointer,
            dx.Pointer, (float*)dweight.Pointer, x.Rows, x.Width, accumulate ? 1 : 0, (int)x.DType, (int)weight.DType,
            (int)dy.DType).Check();
    }

    /// <summary>Layer norm: y = (x - mean) * rstd * weight + bias, the variance biased and taken about the mean.</summary>
    /// <remarks>Ba, Kiros and Hinton 2016.</remarks>
    /// <param name="x">(rows, width).</param>
    /// <param name="weight">(width).</param>
    /// <param name="bias">(width); may be empty.</param>
    /// <param name="y">As x.</param>
    /// <param name="mean">(rows), kept for the backward; empty together with rstd.</param>
    /// <param name="rstd">(rows): 1/sqrt(variance + epsilon).</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Layernorm(in Tensor x, in Tensor weight, in Tensor bias, in Tensor y, in Tensor mean,
        in Tensor rstd, float epsilon)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(weight, weight.DType, x.Width);
        WantOptional(bias, weight.DType, x.Width);
        Want(y, y.DType, x.Shape);
        WantOptional(mean, DType.Float32, x.Rows);
        WantOptional(rstd, DType.Float32, x.Rows);
        NativeMethods.gb_layernorm(x.Device.Context, x.Pointer, weight.Pointer, bias.Pointer, y.Pointer,
            (float*)mean.Pointer, (float*)rstd.Pointer, x.Rows, x.Width, epsilon, (int)x.DType, (int)weight.DType,
            (int)y.DType).Check();
    }

    /// <summary>
    /// With g = dy * weight and xhat = (x - mean) * rstd: dx = rstd * (g - mean_j g - xhat * mean_j(g * xhat)),
    /// dweight += sum_r dy * xhat, dbias += sum_r dy.
    /// </summary>
    /// <param name="dy">(rows, width).</param>
    /// <param name="x">As dy: the forward's input.</param>
    /// <param name="weight">(width).</param>
    /// <param name="mean">(rows), of the forward.</param>
    /// <param name="rstd">(rows), of the forward.</param>
    /// <param name="dx">As dy; written, or added if <paramref name="accumulate"/>.</param>
    /// <param name="dweight">(width), added; may be empty.</param>
    /// <param name="dbias">(width), added; may be empty.</param>
    /// <param name="accumulate">Adds to dx.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void LayernormBackward(in Tensor dy, in Tensor x, in Tensor weight, in Tensor mean, in Tensor rstd,
        in Tensor dx, in Tensor dweight, in Tensor dbias, bool accumulate = false)
    {
        WantCount(x, x.DType, x.Count);
        Want(dy, dy.DType, x.Shape);
        WantCount(weight, weight.DType, x.Width);
        WantCount(mean, DType.Float32, x.Rows);
        WantCount(rstd, DType.Float32, x.Rows);
        Want(dx, x.DType, x.Shape);
        WantOptional(dweight, DType.Float32, x.Width);
        WantOptional(dbias, DType.Float32, x.Width);
        NativeMethods.gb_layernorm_backward(x.Device.Context, dy.Pointer, x.Pointer, weight.Pointer,
            (float*)mean.Pointer, (float*)rstd.Pointer, dx.Pointer, (float*)dweight.Pointer, (float*)dbias.Pointer,
            x.Rows, x.Width, accumulate ? 1 : 0, (int)x.DType, (int)weight.DType, (int)dy.DType).Check();
    }

    /// <summary>
    /// Rotary position embedding: the first channels of every head turn in pairs by the angles of their position's row of
    /// the table, (a, b) -> (a cos - b sin, b cos + a sin); the other channels are copied.
    /// </summary>
    /// <remarks>Su et al. 2021.</remarks>
    /// <param name="x">(rows, heads * head_dim); rows may be strided.</param>
    /// <param name="positions">rows of int32, each below the rows of the table.</param>
    /// <param name="table">(positions, rotary channels): half of them cosines, then as many sines.</param>
    /// <param name="y">As x, which it may be.</param>
    /// <param name="heads">Heads of a row.</param>
    /// <param name="interleaved">Pairs (2i, 2i + 1) instead of (i, i + half).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">A position is outside the table; nothing was written.</exception>
    public static void Rope(in Tensor x, in Tensor positions, in Tensor table, in Tensor y, long heads, bool interleaved)
    {
        WantRope(x, positions, table, y, heads);
        NativeMethods.gb_rope(x.Device.Context, x.Pointer, (int*)positions.Pointer, (float*)table.Pointer, y.Pointer,
            x.Rows, heads, x.Width / heads, table.Width, table.Rows, x.RowStride, y.RowStride, interleaved ? 1 : 0,
            (int)x.DType).Check();
    }

    /// <summary>The rotation by the negative angle. <paramref name="dx"/> may be <paramref name="dy"/>.</summary>
    /// <param name="dy">(rows, heads * head_dim); rows may be strided.</param>
    /// <param name="positions">rows of int32.</param>
    /// <param name="table">As in the forward.</param>
    /// <param name="dx">As dy.</param>
    /// <param name="heads">Heads of a row.</param>
    /// <param name="interleaved">Pairs (2i, 2i + 1) instead of (i, i + half).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">A position is outside the table; nothing was written.</exception>
    public static void RopeBackward(in Tensor dy, in Tensor positions, in Tensor table, in Tensor dx, long heads,
        bool interleaved)
    {
        WantRope(dy, positions, table, dx, heads);
        NativeMethods.gb_rope_backward(dy.Device.Context, dy.Pointer, (int*)positions.Pointer, (float*)table.Pointer,
            dx.Pointer, dy.Rows, heads, dy.Width / heads, table.Width, table.Rows, dy.RowStride, dx.RowStride,
            interleaved ? 1 : 0, (int)dy.DType).Check();
    }

    private static void WantRope(in Tensor x, in Tensor positions, in Tensor table, in Tensor y, long heads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        WantRows(x, x.DType, positions.Count, x.Width / heads * heads);
        WantCount(positions, DType.Int32, positions.Count);
        WantCount(table, DType.Float32, table.Count);
        WantRows(y, x.DType, x.Rows, x.Width);
    }
}
