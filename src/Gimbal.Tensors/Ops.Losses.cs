using Gimbal.Native;

namespace Gimbal.Tensors;

public static unsafe partial class Ops
{
    /// <summary>
    /// With z = logits / T: logprob_r = z_target - log sum exp z, entropy_r of softmax z; vocabulary in blocks of 512, so that a
    /// row has the same bits in any batch.
    /// </summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="targets">Token ids (rows); -1 leaves a row out, its outputs are 0.</param>
    /// <param name="logprob">(rows).</param>
    /// <param name="entropy">(rows), or empty.</param>
    /// <param name="lse">log sum exp z (rows), or empty.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A target is no token id.</exception>
    public static void LogprobGather(in Tensor logits, in Tensor targets, in Tensor logprob, in Tensor entropy, in Tensor lse,
        float temperature = 1)
    {
        long rows = logits.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(logprob, DType.Float32, rows);
        WantOptional(entropy, DType.Float32, rows);
        WantOptional(lse, DType.Float32, rows);
        NativeMethods.gb_logprob_gather(logits.Device.Context, logits.Pointer, (int*)targets.Pointer, (float*)logprob.Pointer,
            (float*)entropy.Pointer, (float*)lse.Pointer, rows, logits.Width, logits.RowStride, temperature,
            (int)logits.DType).Check();
    }

    /// <summary>
    /// dlogits_j = (dlogprob (1{j = target} - p_j) - dentropy p_j (log p_j + entropy)) / T. <paramref name="dlogits"/> may be
    /// <paramref name="logits"/>.
    /// </summary>
    /// <param name="logits">The forward's input.</param>
    /// <param name="targets">The forward's targets.</param>
    /// <param name="lse">The forward's output.</param>
    /// <param name="entropy">The forward's output; may be empty with <paramref name="dentropy"/>.</param>
    /// <param name="dlogprob">(rows).</param>
    /// <param name="dentropy">(rows), or empty.</param>
    /// <param name="dlogits">As logits, with the same row stride.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void LogprobGatherBackward(in Tensor logits, in Tensor targets, in Tensor lse, in Tensor entropy,
        in Tensor dlogprob, in Tensor dentropy, in Tensor dlogits, float temperature = 1)
    {
        long rows = logits.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(lse, DType.Float32, rows);
        WantOptional(entropy, DType.Float32, rows);
        WantCount(dlogprob, DType.Float32, rows);
        WantOptional(dentropy, DType.Float32, rows);
        WantLogits(dlogits, logits);
        NativeMethods.gb_logprob_gather_backward(logits.Device.Context, logits.Pointer, (int*)targets.Pointer,
            (float*)lse.Pointer, (float*)entropy.Pointer, (float*)dlogprob.Pointer, (float*)dentropy.Pointer,
            dlogits.Pointer, rows, logits.Width, logits.RowStride, temperature, (int)logits.DType).Check();
    }

    /// <summary>loss_r = -(1 - s) log p_target - s mean_j log p_j, with label smoothing s.</summary>
    /// <param name="logits">(rows, vocabulary); rows may be strided.</param>
    /// <param name="targets">Token ids (rows).</param>
    /// <param name="losses">(rows); 0 where the target is <paramref name="ignoreIndex"/>.</param>
    /// <param name="lse">log sum exp (rows).</param>
    /// <param name="labelSmoothing">s, 0 to 1.</param>
    /// <param name="ignoreIndex">A target to leave out.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A target is no token id.</exception>
    public static void CrossEntropy(in Tensor logits, in Tensor targets, in Tensor losses, in Tensor lse,
        float labelSmoothing = 0, int ignoreIndex = -100)
    {
        long rows = logits.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(losses, DType.Float32, rows);
        WantCount(lse, DType.Float32, rows);
        NativeMethods.gb_cross_entropy(logits.Device.Context, logits.Pointer, (int*)targets.Pointer, (float*)losses.Pointer,
            (float*)lse.Pointer, rows, logits.Width, logits.RowStride, labelSmoothing, ignoreIndex, (int)logits.DType).Check();
    }

    /// <summary>
    /// dlogits_j = dlosses (p_j - (1 - s) 1{j = target} - s / vocabulary). <paramref name="dlogits"/> may be
    /// <paramref name="logits"/>.
    /// </summary>
    /// <param name="logits">The forward's input.</param>
    /// <param name="targets">The forward's targets.</param>
    /// <param name="lse">The forward's output.</param>
    /// <param name="dlosses">(rows).</param>
    /// <param name="dlogits">As logits, with the same row stride.</param>
    /// <param name="labelSmoothing">s, 0 to 1.</param>
    /// <param name="ignoreIndex">A target to leave out.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void CrossEntropyBackward(in Tensor logits, in Tensor targets, in Tensor lse, in Tensor dlosses,
        in Tensor dlogits, float labelSmoothing = 0, int ignoreIndex = -100)
    {
        long rows = logits.Rows;
        WantCount(targets, DType.Int32, rows);
        WantCount(lse, DType.Float32, rows);
        WantCount(dlosses, DType.Float32, rows);
        WantLogits(dlogits, logits);
        NativeMethods.gb_cross_entropy_backward(logits.Device.Context, logits.Pointer, (int*)targets.Pointer,
            (float*)lse.Pointer, (float*)dlosses.Pointer, dlogits.Pointer, rows, logits.Width, logits.RowStride,
            labelSmoothing, ignoreIndex, (int)logits.DType).Check();
    }

    /// <summary>
    /// DPO (Rafailov et al. 2023), h = logprob - ref, Z = h_chosen - h_rejected:
    /// l = -(1 - s) log sigmoid(beta Z) - s log sigmoid(-beta Z), and its gradients, in one pass.
    /// </summary>
    /// <param name="chosen">Summed log-probabilities (pairs).</param>
    /// <param name="rejected">The same of the rejected completions.</param>
    /// <param name="refChosen">Those of the reference; empty with <paramref name="refRejected"/>: 0.</param>
    /// <param name="refRejected">Those of the reference.</param>
    /// <param name="weights">(pairs), or empty: 1.</param>
    /// <param name="losses">Weighted (pairs), or empty.</param>
    /// <param name="dchosen">(pairs), or empty.</param>
    /// <param name="drejected">(pairs), or empty.</param>
    /// <param name="statistics">(6), added: losses, weights, pairs, beta h_chosen, beta h_rejected, pairs with chosen above.</param>
    /// <param name="beta">Strength of the pull to the reference.</param>
    /// <param name="labelSmoothing">s.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void DpoLoss(in Tensor chosen, in Tensor rejected, in Tensor refChosen, in Tensor refRejected,
        in Tensor weights, in Tensor losses, in Tensor dchosen, in Tensor drejected, in Tensor statistics, float beta,
        float labelSmoothing = 0)
    {
        long pairs = chosen.Count;
        WantCount(chosen, DType.Float32, pairs);
        WantCount(rejected, DType.Float32, pairs);
        WantOptional(refChosen, DType.Float32, pairs);
        WantOptional(refRejected, DType.Float32, pairs);
        WantOptional(weights, DType.Float32, pairs);
        WantOptional(losses, DType.Float32, pairs);
        WantOptional(dchosen, DType.Float32, pairs);
        WantOptional(drejected, DType.Float32, pairs);
        WantOptional(statistics, DType.Float64, 6);
        NativeMethods.gb_dpo_loss(chosen.Device.Context, (float*)chosen.Pointer, (float*)rejected.Pointer,
            (float*)refChosen.Pointer, (float*)refRejected.Pointer, (float*)weights.Pointer, (float*)losses.Pointer,
            (float*)dchosen.Pointer, (float*)drejected.Pointer, (double*)statistics.Pointer, pairs, beta, labelSmoothing).Check();
    }

    /// <summary>Bradley-Terry: l = -log sigmoid(chosen - rejected - margin) + center (chosen + rejected)^2, and its gradients.</summary>
    /// <param name="chosen">Scores (pairs).</param>
    /// <param name="rejected">Scores (pairs).</param>
    /// <param name="margins">(pairs), or empty: 0.</param>
    /// <param name="weights">(pairs), or empty: 1.</param>
    /// <param name="losses">Weighted (pairs), or empty.</param>
    /// <param name="dchosen">(pairs), or empty.</param>
    /// <param name="drejected">(pairs), or empty.</param>
    /// <param name="statistics">(6), added: losses, weights, pairs, chosen, rejected, pairs with chosen above.</param>
    /// <param name="center">Weight of the centring term.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void RewardLoss(in Tensor chosen, in Tensor rejected, in Tensor margins, in Tensor weights, in Tensor losses,
        in Tensor dchosen, in Tensor drejected, in Tensor statistics, float center = 0)
    {
        long pairs = chosen.Count;
        WantCount(chosen, DType.Float32, pairs);
        WantCount(rejected, DType.Float32, pairs);
        WantOptional(margins, DType.Float32, pairs);
        WantOptional(weights, DType.Float32, pairs);
        WantOptional(losses, DType.Float32, pairs);
        WantOptional(dchosen, DType.Float32, pairs);
        WantOptional(drejected, DType.Float32, pairs);
        WantOptional(statistics, DType.Float64, 6);
        NativeMethods.gb_reward_loss(chosen.Device.Context, (float*)chosen.Pointer, (float*)rejected.Pointer,
            (float*)margins.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dchosen.Pointer,
            (float*)drejected.Pointer, (double*)statistics.Pointer, pairs, center).Check();
    }

    /// <summary>A gradient of logits: the same rows at the same stride, so that it may be the logits themselves.</summary>
    private static void WantLogits(in Tensor dlogits, in Tensor logits)
    {
        WantRows(dlogits, logits.DType, logits.Rows, logits.Width);
        if (dlogits.RowStride != logits.RowStride)
        {
            Refuse(dlogits, $"rows {logits.RowStride} elements apart", nameof(dlogits));
        }
    }
}
