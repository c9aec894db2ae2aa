using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>
    /// Draws one token per row from softmax(logits / T) after top-k, then top-p, then min-p, each over what the one before
    /// left, ties as in Hugging Face. The draw is Philox4x32-10 with key <c>seed</c> and counter
    /// (purpose, step, sample, position): the same on any device, in any batch and order.
    /// </summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="samples">Number of each row's sample (rows), int64; may be empty if greedy.</param>
    /// <param name="positions">Position of the token to draw (rows), int32; may be empty if greedy.</param>
    /// <param name="state">The step state, whose seed and step key the draw; may be empty if greedy.</param>
    /// <param name="tokens">(rows), int32.</param>
    /// <param name="logprob">
    /// (rows): of the token under the untruncated distribution at T, the bits of <see cref="LogprobGather"/>; empty if greedy
    /// and only the tokens are wanted.
    /// </param>
    /// <param name="truncatedLogprob">(rows): under what was drawn from; or empty.</param>
    /// <param name="temperature">T; 0 takes the lowest index of the largest logit, recorded at T = 1.</param>
    /// <param name="topK">The k largest, ties with the k-th included; 0: off.</param>
    /// <param name="topP">The smallest set of largest probabilities whose sum reaches it; 1: off.</param>
    /// <param name="minP">Probabilities of at least this times the largest; 0: off.</param>
    /// <param name="purpose">Keeps two kinds of draw from sharing numbers.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A scalar is out of its range.</exception>
    public static void SampleToken(in Tensor logits, in Tensor samples, in Tensor positions, in Tensor state,
        in Tensor tokens, in Tensor logprob, in Tensor truncatedLogprob, float temperature = 1, int topK = 0, float topP = 1,
        float minP = 0, int purpose = 0)
    {
        long rows = logits.Rows;
        WantOptional(samples, DType.Int64, rows);
        WantOptional(positions, DType.Int32, rows);
        WantOptional(state, DType.UInt8, sizeof(StepState));
        WantCount(tokens, DType.Int32, rows);
        WantOptional(logprob, DType.Float32, rows);
        WantOptional(truncatedLogprob, DType.Float32, rows);
        Sampling sampling = new()
        {
            StructSize = sizeof(Sampling),
            TopK = topK,
            Temperature = temperature,
            TopP = topP,
            MinP = minP,
            Purpose = purpose,
        };
        NativeMethods.gb_sample_token(logits.Device.Context, logits.Pointer, (long*)samples.Pointer, (int*)positions.Pointer,
            (StepState*)state.Pointer, (int*)tokens.Pointer, (float*)logprob.Pointer, (float*)truncatedLogprob.Pointer, rows,
            logits.Width, logits.RowStride, sampling, (int)logits.DType).Check();
    }

    /// <summary>
    /// y = x, but of every id that a row has seen, once however often: z penalty for z &lt; 0, z / penalty otherwise (Keskar et al. 2019).
    /// </summary>
    /// <param name="x">Logits (rows, vocabulary); rows may be strided.</param>
    /// <param name="ids">Ids seen, row after row (count), int32.</param>
    /// <param name="starts">Where each row's ids start (rows + 1), int32.</param>
    /// <param name="y">(rows, vocabulary), dense.</param>
    /// <param name="penalty">Above 0; 1: none.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">An id is no token id.</exception>
    public static void RepetitionPenalty(in Tensor x, in Tensor ids, in Tensor starts, in Tensor y, float penalty)
    {
        WantOptional(ids, DType.Int32, ids.Count);
        WantCount(starts, DType.Int32, x.Rows + 1);
        WantCount(y, x.DType, x.Rows * x.Width);
        NativeMethods.gb_repetition_penalty(x.Device.Context, x.Pointer, (int*)ids.Pointer, (int*)starts.Pointer, y.Pointer,
            ids.Count, x.Rows, x.Width, x.RowStride, penalty, (int)x.DType).Check();
    }
}
