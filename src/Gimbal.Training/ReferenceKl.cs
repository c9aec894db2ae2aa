using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// The exact KL of the policy to the reference at each token, sum_j p_j (log p_j - log q_j) over the vocabulary: chunk by chunk
/// behind the head, so that neither model's logits exist for all rows.
/// </summary>
/// <param name="reference">The frozen model.</param>
/// <param name="temperature">Of both distributions.</param>
/// <param name="arena">Of the policy's pass.</param>
internal sealed class ReferenceKl(LanguageModel reference, float temperature, Arena arena)
{
    private readonly Tape unrecorded = new(arena);
    private Tensor hidden, values;

    /// <summary>Of the loss rows of the batch whose head was run last (rows).</summary>
    public Tensor Values => values;

    /// <summary>Arena bytes beside those of the policy's pass, the logits of a chunk apart.</summary>
    public static long Bytes(LanguageModel policy, int sequences, int length) =>
        4L * sequences * length * policy.Config.HiddenSize * sizeof(float);

    /// <summary>Runs the reference over an uploaded batch, before the policy; nothing is recorded.</summary>
    public void Forward(TokenBatch batch)
    {
        hidden = Ops.GatherRows(unrecorded, reference.Forward(unrecorded, batch), batch.Rows);
        values = arena.Allocate(DType.Float32, new Shape(batch.LossRows));
    }

    /// <summary>The KL of a chunk's rows, to be found in <see cref="Values"/>.</summary>
    public HeadGradient Measure(in HeadRows rows)
    {
        Pair(rows);
        return HeadGradient.Logprob;
    }

    /// <summary>The same, and the gradient of loss and KL in the chunk's logits.</summary>
    /// <param name="rows">With the gradients of the loss in log-probabilities and entropies.</param>
    /// <param name="dkl">Weight of each token's KL (rows).</param>
    public HeadGradient Backward(in HeadRows rows, in Tensor dkl)
    {
        (Tensor logits, Tensor lse, Tensor kl) = Pair(rows);
        Ops.FullKlBackward(rows.Logits, logits, rows.Lse, lse, kl, dkl, logits, temperature);
        Ops.LogprobGatherBackward(rows.Logits, rows.Targets, rows.Lse, rows.Entropy, rows.DLogprob, rows.DEntropy, rows.Logits,
            temperature);
        Ops.Add(rows.Logits, logits, rows.Logits);
        return HeadGradient.Logits;
    }

    private (Tensor Logits, Tensor Lse, Tensor Kl) Pair(in HeadRows rows)
    {
        Tensor logits = Ops.Linear(unrecorded, hidden.RowRange(rows.Start, rows.Count), reference.Head, output: DType.Float32);
        Tensor lse = arena.Allocate(DType.Float32, rows.Lse.Shape), logprob = arena.Allocate(DType.Float32, rows.Lse.Shape);
        Tensor kl = values.RowRange(rows.Start, rows.Count);
        Ops.LogprobGather(logits, rows.Targets, logprob, default, lse, temperature);
        Ops.FullKl(rows.Logits, logits, rows.Lse, lse, kl, temperature);
        return (logits, lse, kl);
    }
}
