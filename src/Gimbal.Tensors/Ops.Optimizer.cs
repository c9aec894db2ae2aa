using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>
    /// One step of AdamW: g = clip coefficient * gradient, m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
    /// w = w (1 - lr decay) - lr (m / bias1) / (sqrt(v / bias2) + epsilon).
    /// </summary>
    /// <remarks>
    /// Loshchilov and Hutter 2019. Learning rate, bias corrections and clip coefficient come from the step state; the
    /// corrections are 1 - beta^t of the same float32 betas.
    /// </remarks>
    /// <param name="weights">Any shape; updated.</param>
    /// <param name="gradients">As many elements.</param>
    /// <param name="m">First moment; updated.</param>
    /// <param name="v">Second moment; updated.</param>
    /// <param name="copy">The new weights once more, in the type of the copy; may be empty.</param>
    /// <param name="state">The bytes of the engine's step state.</param>
    /// <param name="decayCount">So many elements from the front decay, the others do not.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">Decoupled decay, times the learning rate.</param>
    /// <exception cref="ArgumentException">Sizes or element types do not fit.</exception>
    public static void Adamw(in Tensor weights, in Tensor gradients, in Tensor m, in Tensor v, in Tensor copy,
        in Tensor state, long decayCount, float beta1, float beta2, float epsilon, float weightDecay)
    {
        WantCount(weights, DType.Float32, weights.Count);
        WantCount(gradients, DType.Float32, weights.Count);
        WantCount(m, DType.Float32, weights.Count);
        WantCount(v, DType.Float32, weights.Count);
        WantOptional(copy, copy.DType, weights.Count);
        WantCount(state, DType.UInt8, sizeof(StepState));
        NativeMethods.gb_adamw(weights.Device.Context, (float*)weights.Pointer, (float*)gradients.Pointer,
            (float*)m.Pointer, (float*)v.Pointer, copy.Pointer, (StepState*)state.Pointer, weights.Count, decayCount,
            beta1, beta2, epsilon, weightDecay, (int)copy.DType).Check();
    }

    /// <summary>
    /// Writes the norm of all gradients, sqrt(sum g^2) summed in double, and min(1, maxNorm / (norm + 1e-6)) into the step
    /// state, where <see cref="Adamw"/> reads it. An infinite norm gives the coefficient 0, NaN gives NaN.
    /// </summary>
    /// <param name="gradients">Any shape.</param>
    /// <param name="state">The bytes of the engine's step state.</param>
    /// <param name="maxNorm">0 or less: the coefficient is 1.</param>
    /// <exception cref="ArgumentException">Sizes or element types do not fit.</exception>
    public static void GradNorm(in Tensor gradients, in Tensor state, float maxNorm)
    {
        WantCount(gradients, DType.Float32, gradients.Count);
        WantCount(state, DType.UInt8, sizeof(StepState));
        NativeMethods.gb_grad_norm(gradients.Device.Context, (float*)gradients.Pointer, (StepState*)state.Pointer,
            gradients.Count, maxNorm).Check();
    }
}
