using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// The numbers that a policy-gradient loss needs for every completion token of a rollout, laid end to end in host memory, and
/// the way from there into micro-batches of any samples.
/// </summary>
internal sealed class RolloutTokens
{
    private const ulong ShuffleKey = 0x5348_5546;

    private readonly int[] starts;
    private readonly int[] order;
    private readonly bool[] isScored;
    private readonly Column column = new();

    public RolloutTokens(Rollout rollout)
    {
        Sequences = [.. rollout.Sequences.Select(sequence => new TokenSequence(sequence.Tokens, sequence.PromptLength))];
        starts = new int[Count + 1];
        order = [.. Enumerable.Range(0, Count)];
        isScored = [.. rollout.Scores.Select(score => score is not null)];
        for (int i = 0; i < Count; i++)
        {
            starts[i + 1] = starts[i] + Sequences[i].CompletionLength;
        }

        Old = new float[starts[Count]];
        Reference = new float[starts[Count]];
        Weights = new float[starts[Count]];
        Advantages = new float[Count];
        TokenAdvantages = new float[starts[Count]];
        for (int i = 0; i < Count; i++)
        {
            rollout.Sequences[i].Logprobs.CopyTo(Old.AsSpan(starts[i]));
        }
    }

    /// <summary>Prompt and completion of every sample.</summary>
    public IReadOnlyList<TokenSequence> Sequences { get; }

    /// <summary>Samples.</summary>
    public int Count => Sequences.Count;

    /// <summary>Completion tokens of all samples.</summary>
    public int TokenCount => starts[Count];

    /// <summary>The samples in the order of the current pass.</summary>
    public ReadOnlySpan<int> Order => order;

    /// <summary>Log-probability of each token under the policy that drew it.</summary>
    public float[] Old { get; }

    /// <summary>Log-probability of each token under the reference.</summary>
    public float[] Reference { get; }

    /// <summary>What multiplies each token's loss: mask and normaliser of the optimizer step.</summary>
    public float[] Weights { get; }

    /// <summary>Advantage of each sample.</summary>
    public float[] Advantages { get; }

    /// <summary>Advantage of each token.</summary>
    public float[] TokenAdvantages { get; }

    /// <summary>Importance weight of each token, where the sampler was not the old policy; null: all 1.</summary>
    public float[]? Corrections { get; private set; }

    /// <summary>Exact KL to the reference at each token, where it was asked for; null: estimators do.</summary>
    public float[]? ExactKl { get; set; }

    /// <summary>True for a sample that takes part in the loss.</summary>
    public bool IsScored(int sample) => isScored[sample];

    /// <summary>Takes a sample out of the loss.</summary>
    public void LeaveOut(int sample) => isScored[sample] = false;

    /// <summary>Gives every token the advantage of its sample.</summary>
    public void SpreadAdvantages()
    {
        for (int i = 0; i < Count; i++)
        {
            TokenAdvantages.AsSpan(TokensOf(i)).Fill(Advantages[i]);
        }
    }

    /// <summary>
    /// Log-probabilities of the policy itself become the old ones; what the sampler recorded instead is corrected for.
    /// </summary>
    /// <param name="recomputed">Of the policy before its first update (tokens).</param>
    /// <param name="kind">What is done about the difference.</param>
    /// <param name="low">Lower bound of an importance weight.</param>
    /// <param name="high">Upper bound.</param>
    public void Correct(ReadOnlySpan<float> recomputed, RolloutCorrection kind, float low, float high)
    {
        Corrections = new float[TokenCount];
        for (int i = 0; i < Count; i++)
        {
            Range tokens = TokensOf(i);
            ImportanceCorrection.Write(kind, low, high, recomputed[tokens], Old.AsSpan(tokens), Corrections.AsSpan(tokens));
        }

        recomputed.CopyTo(Old);
    }

    /// <summary>Tokens of a sample within the flat arrays.</summary>
    public Range TokensOf(int sample) => starts[sample]..starts[sample + 1];

    /// <summary>Reorders the samples for a pass, the same way for the same seed, step and pass.</summary>
    public void Shuffle(ulong seed, long step, int pass, bool isShuffled)
    {
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        if (isShuffled)
        {
            SplitMix64.Keyed(seed ^ ShuffleKey, ((ulong)step << 16) + (ulong)pass).Shuffle(order.AsSpan());
        }
    }

    /// <summary>
    /// Sets the weights of a minibatch's tokens: 1 / (its scored tokens), or 1 / its scored samples, divided again by the tokens of
    /// the sample or the most a completion may have.
    /// </summary>
    public void Normalize(ReadOnlySpan<int> samples, LossNormalizer normalizer, int maxTokens = 0)
    {
        long tokens = 0, scored = 0;
        foreach (int sample in samples)
        {
            if (isScored[sample])
            {
                tokens += Sequences[sample].CompletionLength;
                scored++;
            }
        }

        foreach (int sample in samples)
        {
            float weight = !isScored[sample] ? 0
                : normalizer switch
                {
                    LossNormalizer.Tokens => 1f / tokens,
                    LossNormalizer.Sequences => 1f / (scored * (float)Sequences[sample].CompletionLength),
                    LossNormalizer.SequenceSums => 1f / scored,
                    _ => 1f / (scored * (float)maxTokens),
                };
            Weights.AsSpan(TokensOf(sample)).Fill(weight);
        }
    }

    /// <summary>Puts samples into an empty batch.</summary>
    public void Fill(TokenBatch batch, ReadOnlySpan<int> samples)
    {
        batch.Clear();
        foreach (int sample in samples)
        {
            batch.Add(Sequences[sample].Tokens, Sequences[sample].PromptLength);
        }
    }

    /// <summary>Copies one number for each token of the samples to the device.</summary>
    public Tensor Upload(Arena arena, float[] values, ReadOnlySpan<int> samples)
    {
        column.Clear();
        foreach (int sample in samples)
        {
            column.AddRange(values.AsSpan(TokensOf(sample)));
        }

        return column.Upload(arena);
    }

    /// <summary>The same for a number that all tokens of a sample share.</summary>
    public Tensor UploadPerSample(Arena arena, float[] values, ReadOnlySpan<int> samples)
    {
        column.Clear();
        foreach (int sample in samples)
        {
            column.AddRepeated(values[sample], Sequences[sample].CompletionLength);
        }

        return column.Upload(arena);
    }

    /// <summary>Mean over the samples of the summed log-ratio to the reference: the k1 estimate of the KL of a sequence.</summary>
    public double MeanLogRatio()
    {
        double sum = 0;
        for (int i = 0; i < Old.Length; i++)
        {
            sum += (double)Old[i] - Reference[i];
        }

        return sum / Count;
    }
}
