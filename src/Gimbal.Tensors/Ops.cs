using System.Runtime.CompilerServices;
using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>
/// The ops, one method for each function of the engine, named after it. Tensors of one call live on one device; shapes are
/// checked here, memory and scalars by the engine. Methods that take a <see cref="Tape"/> record their backward.
/// </summary>
public static unsafe partial class Ops
{
    /// <summary>y_i = factor * x_i, the op to copy when adding one. <paramref name="y"/> may be <paramref name="x"/>.</summary>
    /// <exception cref="ArgumentException">The shapes differ or an element type is not float32.</exception>
    public static void Skeleton(in Tensor x, in Tensor y, float factor)
    {
        Want(x, DType.Float32, x.Shape);
        Want(y, DType.Float32, x.Shape);
        NativeMethods.gb_skeleton(x.Device.Context, (float*)x.Pointer, (float*)y.Pointer, x.Count, factor).Check();
    }

    /// <summary>dx_i = factor * dy_i. <paramref name="dx"/> may be <paramref name="dy"/>.</summary>
    /// <exception cref="ArgumentException">The shapes differ or an element type is not float32.</exception>
    public static void SkeletonBackward(in Tensor dy, in Tensor dx, float factor)
    {
        Want(dy, DType.Float32, dy.Shape);
        Want(dx, DType.Float32, dy.Shape);
        NativeMethods.gb_skeleton_backward(dy.Device.Context, (float*)dy.Pointer, (float*)dx.Pointer, dy.Count, factor)
            .Check();
    }

    /// <summary>A dense tensor of this element type and shape, or an ArgumentException that says what was got.</summary>
    private static void Want(in Tensor tensor, DType dtype, in Shape shape,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.IsEmpty || tensor.DType != dtype || tensor.Shape != shape || !tensor.IsDense)
        {
            Refuse(tensor, $"a dense {dtype} {shape}", name);
        }
    }

    /// <summary>The same with any shape of that many elements.</summary>
    private static void WantCount(in Tensor tensor, DType dtype, long count,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.IsEmpty || tensor.DType != dtype || tensor.Count != count || !tensor.IsDense)
        {
            Refuse(tensor, $"{count} dense elements of {dtype}", name);
        }
    }

    /// <summary>As <see cref="WantCount"/>, but the tensor may be empty: an optional argument.</summary>
    private static void WantOptional(in Tensor tensor, DType dtype, long count,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (!tensor.IsEmpty)
        {
            WantCount(tensor, dtype, count, name);
        }
    }

    /// <summary>(rows, width) elements; the rows may be strided.</summary>
    private static void WantRows(in Tensor tensor, DType dtype, long rows, long width,
        [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.IsEmpty || tensor.DType != dtype || tensor.Rows != rows || tensor.Width != width)
        {
            Refuse(tensor, $"{rows} rows of {width} elements of {dtype}", name);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Refuse(in Tensor tensor, string wanted, string name) =>
        throw new ArgumentException(
            $"{name}: wanted {wanted}, got {tensor}{(tensor is { IsEmpty: false, IsDense: false } ? " with gaps between rows" : "")}",
            name);
}
