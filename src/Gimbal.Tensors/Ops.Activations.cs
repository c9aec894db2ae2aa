using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>SwiGLU: y_j = gate_j * sigmoid(gate_j) * up_j.</summary>
    /// <remarks>Shazeer 2020.</remarks>
    /// <param name="x">(rows, 2 width): gate, then up.</param>
    /// <param name="y">(rows, width).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Swiglu(in Tensor x, in Tensor y)
    {
        WantCount(y, x.DType, y.Count);
        WantCount(x, x.DType, 2 * y.Count);
        NativeMethods.gb_swiglu(x.Device.Context, x.Pointer, y.Pointer, y.Rows, y.Width, (int)x.DType).Check();
    }

    /// <summary>
    /// With s = sigmoid(gate): dgate = dy * up * s * (1 + gate (1 - s)), dup = dy * gate * s. <paramref name="dx"/> may be
    /// <paramref name="x"/>.
    /// </summary>
    /// <param name="dy">(rows, width).</param>
    /// <param name="x">(rows, 2 width): the forward's input.</param>
    /// <param name="dx">As x.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void SwigluBackward(in Tensor dy, in Tensor x, in Tensor dx)
    {
        WantCount(dy, x.DType, dy.Count);
        WantCount(x, x.DType, 2 * dy.Count);
        WantCount(dx, x.DType, 2 * dy.Count);
        NativeMethods.gb_swiglu_backward(dy.Device.Context, dy.Pointer, x.Pointer, dx.Pointer, dy.Rows, dy.Width,
            (int)x.DType).Check();
    }

    /// <summary>GELU: y = x Phi(x), exactly or in the tanh form.</summary>
    /// <remarks>Hendrycks and Gimpel 2016.</remarks>
    /// <param name="x">Any shape.</param>
    /// <param name="y">As x.</param>
    /// <param name="form">Which form.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Gelu(in Tensor x, in Tensor y, GeluForm form)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(y, x.DType, x.Count);
        NativeMethods.gb_gelu(x.Device.Context, x.Pointer, y.Pointer, x.Count, (int)form, (int)x.DType).Check();
    }

    /// <summary>dx = dy * d(x Phi(x))/dx.</summary>
    /// <param name="dy">Any shape.</param>
    /// <param name="x">As dy: the forward's input.</param>
    /// <param name="dx">As dy.</param>
    /// <param name="form">Which form.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void GeluBackward(in Tensor dy, in Tensor x, in Tensor dx, GeluForm form)
    {
        WantCount(dy, x.DType, dy.Count);
        WantCount(x, x.DType, dy.Count);
        WantCount(dx, x.DType, dy.Count);
        NativeMethods.gb_gelu_backward(dy.Device.Context, dy.Pointer, x.Pointer, dx.Pointer, dy.Count, (int)form,
            (int)x.DType).Check();
    }

    /// <summary>y = tanh x.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="y">As x.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Tanh(in Tensor x, in Tensor y)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(y, x.DType, x.Count);
        NativeMethods.gb_tanh(x.Device.Context, x.Pointer, y.Pointer, x.Count, (int)x.DType).Check();
    }

    /// <summary>dx = dy (1 - y^2). <paramref name="dx"/> may be <paramref name="dy"/>.</summary>
    /// <param name="dy">Any shape.</param>
    /// <param name="y">As dy: the forward's output.</param>
    /// <param name="dx">As dy.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void TanhBackward(in Tensor dy, in Tensor y, in Tensor dx)
    {
        WantCount(dy, dy.DType, dy.Count);
        WantCount(y, dy.DType, dy.Count);
        WantCount(dx, dy.DType, dy.Count);
        NativeMethods.gb_tanh_backward(dy.Device.Context, dy.Pointer, y.Pointer, dx.Pointer, dy.Count, (int)dy.DType)
            .Check();
    }

    /// <summary>y = a + b. <paramref name="y"/> may be either.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">As a.</param>
    /// <param name="y">As a.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void Add(in Tensor a, in Tensor b, in Tensor y)
    {
        WantCount(a, a.DType, a.Count);
        WantCount(b, b.DType, a.Count);
        WantCount(y, y.DType, a.Count);
        NativeMethods.gb_add(a.Device.Context, a.Pointer, b.Pointer, y.Pointer, a.Count, (int)a.DType, (int)b.DType,
            (int)y.DType).Check();
    }

    /// <summary>y_s = sum of x_t for t in starts[s] to starts[s + 1] - 1: token values of packed sequences to sums.</summary>
    /// <param name="x">(tokens).</param>
    /// <param name="starts">(segments + 1) of int32, ascending.</param>
    /// <param name="y">(segments).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">The starts do not ascend within the tokens; nothing was written.</exception>
    public static void SegmentSum(in Tensor x, in Tensor starts, in Tensor y)
    {
        WantCount(x, DType.Float32, x.Count);
        WantCount(y, DType.Float32, y.Count);
        WantCount(starts, DType.Int32, y.Count + 1);
        NativeMethods.gb_segment_sum(x.Device.Context, (float*)x.Pointer, (int*)starts.Pointer, (float*)y.Pointer,
            x.Count, y.Count).Check();
    }

    /// <summary>dx_t = dy_s for the tokens of segment s, 0 for tokens of none.</summary>
    /// <param name="dy">(segments).</param>
    /// <param name="starts">(segments + 1) of int32, ascending.</param>
    /// <param name="dx">(tokens).</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    /// <exception cref="DeviceException">The starts do not ascend within the tokens; nothing was written.</exception>
    public static void SegmentSumBackward(in Tensor dy, in Tensor starts, in Tensor dx)
    {
        WantCount(dy, DType.Float32, dy.Count);
        WantCount(starts, DType.Int32, dy.Count + 1);
        WantCount(dx, DType.Float32, dx.Count);
        NativeMethods.gb_segment_sum_backward(dy.Device.Context, (float*)dy.Pointer, (int*)starts.Pointer,
            (float*)dx.Pointer, dx.Count, dy.Count).Check();
    }

    /// <summary>x_i *= factor, in place.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="factor">What to multiply by.</param>
    /// <exception cref="ArgumentException">The element type is not float32.</exception>
    public static void Scale(in Tensor x, float factor)
    {
        WantCount(x, DType.Float32, x.Count);
        NativeMethods.gb_scale(x.Device.Context, (float*)x.Pointer, x.Count, factor).Check();
    }
}
