using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>What happens to logits beyond the log-softmax, and products and activations that few models have.</summary>
public static unsafe partial class Ops
{
    /// <summary>y = cap tanh(scale x / cap), or scale x without a cap: a head's logit scale and soft cap.</summary>
    /// <param name="x">Any shape, dense.</param>
    /// <param name="y">As many elements; may be x.</param>
    /// <param name="scale">Multiplies the logits.</param>
    /// <param name="cap">0 or less: none.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void Softcap(in Tensor x, in Tensor y, float scale, float cap)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(y, x.DType, x.Count);
        NativeMethods.gb_softcap(x.Device.Context, x.Pointer, y.Pointer, x.Count, scale, cap, (int)x.DType).Check();
    }

    /// <summary>dx = dy scale (1 - (y / cap)^2), or dy scale without a cap; <paramref name="dx"/> may be dy or y.</summary>
    /// <param name="dy">Any shape, dense.</param>
    /// <param name="y">The forward's output; may be empty without a cap.</param>
    /// <param name="dx">As many elements.</param>
    /// <param name="scale">The forward's scale.</param>
    /// <param name="cap">The forward's cap.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void SoftcapBackward(in Tensor dy, in Tensor y, in Tensor dx, float scale, float cap)
    {
        WantCount(dy, dy.DType, dy.Count);
        WantOptional(y, dy.DType, dy.Count);
        WantCount(dx, dy.DType, dy.Count);
        NativeMethods.gb_softcap_backward(dy.Device.Context, dy.Pointer, y.Pointer, dx.Pointer, dy.Count, scale, cap,
            (int)dy.DType).Check();
    }

    /// <summary>losses_r += coefficient lse_r^2: keeps log sum exp near 0 (Chowdhery et al. 2022).</summary>
    /// <param name="lse">Of <see cref="CrossEntropy"/> (rows).</param>
    /// <param name="losses">(rows), added to.</param>
    /// <param name="coefficient">Weight of the term.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void ZLoss(in Tensor lse, in Tensor losses, float coefficient)
    {
        WantCount(lse, DType.Float32, lse.Count);
        WantCount(losses, DType.Float32, lse.Count);
        NativeMethods.gb_z_loss(lse.Device.Context, (float*)lse.Pointer, (float*)losses.Pointer, lse.Count, coefficient).Check();
    }

    /// <summary>dlogits_j = 2 coefficient dlosses lse p_j.</summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="lse">(rows).</param>
    /// <param name="dlosses">(rows); a row of 0 is not read.</param>
    /// <param name="dlogits">(rows, vocabulary), dense, written.</param>
    /// <param name="coefficient">The forward's.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void ZLossBackward(in Tensor logits, in Tensor lse, in Tensor dlosses, in Tensor dlogits, float coefficient)
    {
        long rows = logits.Rows;
        WantCount(lse, DType.Float32, rows);
        WantCount(dlosses, DType.Float32, rows);
        WantCount(dlogits, logits.DType, rows * logits.Width);
        NativeMethods.gb_z_loss_backward(logits.Device.Context, logits.Pointer, (float*)lse.Pointer, (float*)dlosses.Pointer,
            dlogits.Pointer, rows, logits.Width, logits.RowStride, coefficient, (int)logits.DType).Check();
    }

    /// <summary>
    /// kl_r = sum_j p_j (log p_j - log q_j), p = softmax(logits / T), q = softmax(reference / T): the exact KL over the vocabulary,
    /// in nats.
    /// </summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="reference">Of the other distribution (rows, vocabulary); rows may be strided.</param>
    /// <param name="lse">log sum exp of logits / T (rows): <see cref="LogprobGather"/>.</param>
    /// <param name="referenceLse">Likewise of the reference (rows).</param>
    /// <param name="kl">(rows).</param>
    /// <param name="temperature">T, above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void FullKl(in Tensor logits, in Tensor reference, in Tensor lse, in Tensor referenceLse, in Tensor kl,
        float temperature = 1)
    {
        WantPair(logits, reference, lse, referenceLse, kl);
        NativeMethods.gb_full_kl(logits.Device.Context, (float*)logits.Pointer, (float*)reference.Pointer, (float*)lse.Pointer,
            (float*)referenceLse.Pointer, (float*)kl.Pointer, logits.Rows, logits.Width, logits.RowStride, reference.RowStride,
            temperature).Check();
    }

    /// <summary>dlogits_j = dkl p_j (log p_j - log q_j - kl) / T.</summary>
    /// <param name="logits">The forward's input.</param>
    /// <param name="reference">The forward's input.</param>
    /// <param name="lse">The forward's input.</param>
    /// <param name="referenceLse">The forward's input.</param>
    /// <param name="kl">The forward's output.</param>
    /// <param name="dkl">(rows); a row of 0 is not read.</param>
    /// <param name="dlogits">As the reference, with the same row stride; may be the reference. Written.</param>
    /// <param name="temperature">The forward's.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void FullKlBackward(in Tensor logits, in Tensor reference, in Tensor lse, in Tensor referenceLse, in Tensor kl,
        in Tensor dkl, in Tensor dlogits, float temperature = 1)
    {
        WantPair(logits, reference, lse, referenceLse, kl);
        WantCount(dkl, DType.Float32, logits.Rows);
        WantLogits(dlogits, reference);
        NativeMethods.gb_full_kl_backward(logits.Device.Context, (float*)logits.Pointer, (float*)reference.Pointer,
            (float*)lse.Pointer, (float*)referenceLse.Pointer, (float*)kl.Pointer, (float*)dkl.Pointer, (float*)dlogits.Pointer,
            logits.Rows, logits.Width, logits.RowStride, reference.RowStride, temperature).Check();
    }

    private static void WantPair(in Tensor logits, in Tensor reference, in Tensor lse, in Tensor referenceLse, in Tensor kl)
    {
        long rows = logits.Rows;
        WantRows(logits, DType.Float32, rows, logits.Width);
        WantRows(reference, DType.Float32, rows, logits.Width);
        WantCount(lse, DType.Float32, rows);
        WantCount(referenceLse, DType.Float32, rows);
        WantCount(kl, DType.Float32, rows);
    }

    /// <summary>y = max(x, 0)^2 (So et al. 2021).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="y">As many elements.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void ReluSquared(in Tensor x, in Tensor y)
    {
        WantCount(x, x.DType, x.Count);
        WantCount(y, x.DType, x.Count);
        NativeMethods.gb_relu_squared(x.Device.Context, x.Pointer, y.Pointer, x.Count, (int)x.DType).Check();
    }

    /// <summary>dx = 2 dy max(x, 0); <paramref name="dx"/> may be dy or x.</summary>
    /// <param name="dy">Any shape.</param>
    /// <param name="x">The forward's input.</param>
    /// <param name="dx">As many elements.</param>
    /// <exception cref="ArgumentException">Shapes or element types do not fit.</exception>
    public static void ReluSquaredBackward(in Tensor dy, in Tensor x, in Tensor dx)
    {
        WantCount(dy, dy.DType, dy.Count);
        WantCount(x, dy.DType, dy.Count);
        WantCount(dx, dy.DType, dy.Count);
        NativeMethods.gb_relu_squared_backward(dy.Device.Context, dy.Pointer, x.Pointer, dx.Pointer, dy.Count, (int)dy.DType).Check();
    }

    /// <summary>y = a b, and 0 where b is 0, even if a is not finite.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">As many elements.</param>
    /// <param name="y">As many elements; may be a or b.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void Multiply(in Tensor a, in Tensor b, in Tensor y)
    {
        WantCount(a, DType.Float32, a.Count);
        WantCount(b, DType.Float32, a.Count);
        WantCount(y, DType.Float32, a.Count);
        NativeMethods.gb_multiply(a.Device.Context, (float*)a.Pointer, (float*)b.Pointer, (float*)y.Pointer, a.Count).Check();
    }

    /// <summary><see cref="GradNorm"/> with the largest |g| as the norm.</summary>
    /// <param name="gradients">Any shape.</param>
    /// <param name="state">The bytes of the engine's step state.</param>
    /// <param name="maxNorm">0 or less: the coefficient is 1.</param>
    /// <exception cref="ArgumentException">Sizes or element types do not fit.</exception>
    public static void GradMax(in Tensor gradients, in Tensor state, float maxNorm)
    {
        WantCount(gradients, DType.Float32, gradients.Count);
        WantCount(state, DType.UInt8, sizeof(StepState));
        NativeMethods.gb_grad_max(gradients.Device.Context, (float*)gradients.Pointer, (StepState*)state.Pointer,
            gradients.Count, maxNorm).Check();
    }
}
