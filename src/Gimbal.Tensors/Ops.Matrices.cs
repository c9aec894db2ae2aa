using System.Runtime.CompilerServices;
using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>
    /// C = op(A) op(B) + bias, or C += op(A) op(B) + bias. Additions follow one order, blocks of 512 of the inner dimension
    /// from 0, whatever the sizes and layouts: a row has the same bits alone and in any batch.
    /// </summary>
    /// <param name="a">op(A) is (m, k); stored (k, m) if <paramref name="transA"/>. Rows of any tensor may be strided.</param>
    /// <param name="b">op(B) is (k, n); stored (n, k) if <paramref name="transB"/>.</param>
    /// <param name="bias">(n), or empty.</param>
    /// <param name="c">(m, n); it must not overlap an input.</param>
    /// <param name="transA">Take A transposed.</param>
    /// <param name="transB">Take B transposed: a weight (out, in) of y = x W^T.</param>
    /// <param name="accumulate">Add to C instead of overwriting it.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">An element type is not supported.</exception>
    public static void Matmul(in Tensor a, in Tensor b, in Tensor bias, in Tensor c, bool transA = false,
        bool transB = false, bool accumulate = false)
    {
        (long m, long k) = transA ? (a.Width, a.Rows) : (a.Rows, a.Width);
        long n = transB ? b.Rows : b.Width;
        WantMatrix(b, transB ? n : k, transB ? k : n);
        WantMatrix(c, m, n);
        WantOptional(bias, DType.Float32, n);
        NativeMethods.gb_matmul(a.Device.Context, a.Pointer, b.Pointer, bias.Pointer, c.Pointer, m, n, k, a.RowStride,
            b.RowStride, c.RowStride, transA ? 1 : 0, transB ? 1 : 0, accumulate ? 1 : 0, (int)a.DType, (int)b.DType,
            (int)c.DType).Check();
    }

    /// <summary><see cref="Matmul"/> with the right-hand matrix from a pack: the same bits, and nothing to pack.</summary>
    /// <param name="a">(m, k).</param>
    /// <param name="b">The pack of (k, n).</param>
    /// <param name="bias">(n), or empty.</param>
    /// <param name="c">(m, n); it must not overlap an input.</param>
    /// <param name="accumulate">Add to C instead of overwriting it.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">The pack holds nothing yet, or an element type is not supported.</exception>
    public static void MatmulPacked(in Tensor a, PackedMatrix b, in Tensor bias, in Tensor c, bool accumulate = false)
    {
        ArgumentNullException.ThrowIfNull(b);
        WantMatrix(a, a.Rows, b.K);
        WantMatrix(c, a.Rows, b.N);
        WantOptional(bias, DType.Float32, b.N);
        NativeMethods.gb_matmul_packed(a.Device.Context, a.Pointer, b.Handle, bias.Pointer, c.Pointer, a.Rows, a.RowStride,
            c.RowStride, accumulate ? 1 : 0, (int)a.DType, (int)c.DType).Check();
    }

    /// <summary>y_j = sum_r x_rj, rows in ascending order: the gradient of a bias.</summary>
    /// <param name="x">(rows, width); rows may be strided.</param>
    /// <param name="y">(width), float32.</param>
    /// <param name="accumulate">Add the sum to y instead of overwriting it.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void SumRows(in Tensor x, in Tensor y, bool accumulate = false)
    {
        WantCount(y, DType.Float32, x.Width);
        NativeMethods.gb_sum_rows(x.Device.Context, x.Pointer, (float*)y.Pointer, x.Rows, x.Width, x.RowStride,
            accumulate ? 1 : 0, (int)x.DType).Check();
    }

    /// <summary>Any tensor that is a matrix of these sizes; rows may be strided.</summary>
    private static void WantMatrix(in Tensor tensor, long rows, long width,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.IsEmpty || tensor.Rows != rows || tensor.Width != width)
        {
            Refuse(tensor, $"({rows}, {width})", name);
        }
    }
}
