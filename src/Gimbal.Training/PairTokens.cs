using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Numbers that belong to the single tokens of a batch of pairs.</summary>
/// <param name="options">Length normalisation, weight of the longer completion's tail.</param>
/// <param name="chunks">How pairs lie in the batch.</param>
internal sealed class PairTokens(DpoOptions options, PairChunks chunks)
{
    private readonly Column column = new();

    /// <summary>
    /// What multiplies each token's log-probability in the sum over its completion: 1 / length for a mean, and a smaller weight
    /// past the shorter completion's length (LD-DPO); 0 for a prompt. Empty if all count 1.
    /// </summary>
    public Tensor Multipliers(PolicyPass pass, int pairs)
    {
        return options.LengthNormalized || options.LengthAlpha != 1 || options.SftPrompt ? Fill(pass, pairs, Completion, Completion) : default;

        void Completion(int prompt, int other, Span<float> values)
        {
            values[..prompt].Clear();
            values = values[prompt..];
            values.Fill(options.LengthNormalized ? 1f / values.Length : 1);
            foreach (ref float value in values[Math.Min(values.Length, other)..])
            {
                value *= options.LengthAlpha;
            }
        }
    }

    /// <summary>Weight of each token in the negative log-likelihood, 0 on a rejected side. Empty if the weight is 0.</summary>
    public Tensor Likelihood(PolicyPass pass, int pairs, float weight) =>
        weight == 0 ? default : Fill(pass, pairs, (_, _, values) => values.Fill(weight), (_, _, values) => values.Clear());

    /// <summary>Log-probabilities times their multipliers; themselves if these are empty.</summary>
    public static Tensor Weighted(Arena arena, in Tensor logprobs, in Tensor multipliers)
    {
        if (multipliers.IsEmpty)
        {
            return logprobs;
        }

        Tensor weighted = arena.Allocate(DType.Float32, logprobs.Shape);
        Ops.Multiply(logprobs, multipliers, weighted);
        return weighted;
    }

    private Tensor Fill(PolicyPass pass, int pairs, FillCompletion fillChosen, FillCompletion fillRejected)
    {
        column.Clear();
        Span<float> all = column.AddRoom(pass.Batch.LossRows);
        ReadOnlySpan<int> starts = pass.Batch.LossStarts;
        for (int i = 0; i < pairs; i++)
        {
            (int chosen, int rejected) = chunks.SequencesOf(i);
            int length = starts[chosen + 1] - starts[chosen], other = starts[rejected + 1] - starts[rejected], prompt = chunks.PromptRowsOf(i);
            fillChosen(prompt, other, all.Slice(starts[chosen], length));
            fillRejected(0, length - prompt, all.Slice(starts[rejected], other));
        }

        return column.Upload(pass.Arena);
    }

    /// <summary>Fills the numbers of one side: rows of its prompt first, then its completion's, given the length of its partner.</summary>
    private delegate void FillCompletion(int prompt, int other, Span<float> values);
}
