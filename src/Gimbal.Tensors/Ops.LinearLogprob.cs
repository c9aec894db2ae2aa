using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    private static readonly PackedHandle NoPack = new();

    /// <summary>
    /// <see cref="Matmul"/> of hidden states with a language-model head, and <see cref="LogprobGather"/> of the logits, 128
    /// rows at a time: the same bits, and the logits never leave the device's workspace.
    /// </summary>
    /// <param name="hidden">(rows, width); rows may be strided.</param>
    /// <param name="head">(vocabulary, width), dense. Empty if only <paramref name="packedHead"/> is there.</param>
    /// <param name="packedHead">The pack of the transposed head, n = vocabulary, k = width; or null.</param>
    /// <param name="targets">Token ids (rows); -1 leaves a row out: it is not read, and its outputs are 0.</param>
    /// <param name="logprob">(rows).</param>
    /// <param name="entropy">(rows), or empty.</param>
    /// <param name="lse">log sum exp of the logits over T (rows), or empty.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A target is no token id, or the workspace is too small.</exception>
    public static void LinearLogprob(in Tensor hidden, in Tensor head, PackedMatrix? packedHead, in Tensor targets,
        in Tensor logprob, in Tensor entropy, in Tensor lse, float temperature = 1)
    {
        long vocabulary = VocabularyOf(hidden, head, packedHead), rows = hidden.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(logprob, DType.Float32, rows);
        WantOptional(entropy, DType.Float32, rows);
        WantOptional(lse, DType.Float32, rows);
        NativeMethods.gb_linear_logprob(hidden.Device.Context, hidden.Pointer, head.Pointer, packedHead?.Handle ?? NoPack,
            (int*)targets.Pointer, (float*)logprob.Pointer, (float*)entropy.Pointer, (float*)lse.Pointer, rows,
            hidden.Width, vocabulary, hidden.RowStride, temperature, (int)hidden.DType,
            (int)(packedHead?.DType ?? head.DType)).Check();
    }

    /// <summary>
    /// The gradients of <see cref="LinearLogprob"/>, each chunk's logits computed again. Rows whose gradients are 0 cost
    /// nothing.
    /// </summary>
    /// <param name="hidden">The forward's input.</param>
    /// <param name="head">(vocabulary, width), dense.</param>
    /// <param name="packedHead">As in the forward, or null.</param>
    /// <param name="targets">The forward's targets.</param>
    /// <param name="lse">The forward's output.</param>
    /// <param name="entropy">The forward's output; may be empty with <paramref name="dentropy"/>.</param>
    /// <param name="dlogprob">(rows).</param>
    /// <param name="dentropy">(rows), or empty.</param>
    /// <param name="dhidden">(rows, width), dense, written.</param>
    /// <param name="dhead">(vocabulary, width), float32, added to; or empty.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A target is no token id, or the workspace is too small.</exception>
    public static void LinearLogprobBackward(in Tensor hidden, in Tensor head, PackedMatrix? packedHead, in Tensor targets,
        in Tensor lse, in Tensor entropy, in Tensor dlogprob, in Tensor dentropy, in Tensor dhidden, in Tensor dhead,
        float temperature = 1)
    {
        long vocabulary = VocabularyOf(hidden, head, packedHead), rows = hidden.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(lse, DType.Float32, rows);
        WantOptional(entropy, DType.Float32, rows);
        WantCount(dlogprob, DType.Float32, rows);
        WantOptional(dentropy, DType.Float32, rows);
        WantCount(dhidden, hidden.DType, rows * hidden.Width);
        WantOptional(dhead, DType.Float32, vocabulary * hidden.Width);
        NativeMethods.gb_linear_logprob_backward(hidden.Device.Context, hidden.Pointer, head.Pointer,
            packedHead?.Handle ?? NoPack, (int*)targets.Pointer, (float*)lse.Pointer, (float*)entropy.Pointer,
            (float*)dlogprob.Pointer, (float*)dentropy.Pointer, dhidden.Pointer, (float*)dhead.Pointer, rows,
            hidden.Width, vocabulary, hidden.RowStride, temperature, (int)hidden.DType, (int)head.DType).Check();
    }

    private static long VocabularyOf(in Tensor hidden, in Tensor head, PackedMatrix? packedHead)
    {
        if (packedHead is null)
        {
            WantMatrix(head, head.IsEmpty ? 1 : head.Rows, hidden.Width);
        }

        long vocabulary = packedHead?.N ?? head.Rows;
        if (!head.IsEmpty)
        {
            WantCount(head, head.DType, vocabulary * hidden.Width);
        }

        return vocabulary;
    }
}
