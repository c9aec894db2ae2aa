using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// What PPO's value model says of the states of a rollout, laid end to end in host memory: of the state before each completion
/// token and, where the score lands one past the end token, of the state after it.
/// </summary>
/// <remarks>
/// Layout, a completion of three tokens with its score on the last, and one of two with the score after them:
/// <code>
/// states    s0 s1 s2 | s0 s1 s2      s_t: before token t
/// rewards   r0 r1 r2 | r0 r1 r2      the score is in the last of each
/// </code>
/// </remarks>
internal sealed class RolloutValues
{
    private readonly int[] starts;
    private readonly int[] tokenCounts;
    private readonly bool[] isScored;
    private readonly Column column = new();

    /// <param name="rollout">Scored completions.</param>
    /// <param name="position">Where the score lands.</param>
    /// <param name="maxNewTokens">Tokens a completion may have; one that has them all has no state after its end.</param>
    public RolloutValues(Rollout rollout, ScorePosition position, int maxNewTokens)
    {
        Sequences = [.. rollout.Sequences.Select(sequence => With(sequence,
            after: position == ScorePosition.AfterLast && sequence.Ended && sequence.CompletionLength < maxNewTokens))];
        isScored = [.. rollout.Scores.Select(score => score is not null)];
        tokenCounts = [.. rollout.Sequences.Select(sequence => sequence.CompletionLength)];
        starts = new int[Sequences.Count + 1];
        for (int i = 0; i < Sequences.Count; i++)
        {
            starts[i + 1] = starts[i] + Sequences[i].CompletionLength;
        }

        (Old, Rewards, Returns, Weights) = (new float[StateCount], new float[StateCount], new float[StateCount], new float[StateCount]);
        Advantages = new float[rollout.CompletionTokens];
        for (int i = 0; i < Sequences.Count; i++)
        {
            rollout.Sequences[i].Values.CopyTo(Old.AsSpan(StatesOf(i)));
        }
    }

    /// <summary>What the value model reads: as many completion tokens as states; the last token is not fed.</summary>
    public IReadOnlyList<TokenSequence> Sequences { get; }

    /// <summary>States of all samples.</summary>
    public int StateCount => starts[^1];

    /// <summary>Most states of a sample.</summary>
    public int Steps => Sequences.Max(sequence => sequence.CompletionLength);

    /// <summary>Value of each state when the rollout was drawn: the sampler's, or 0 until a value model is asked.</summary>
    public float[] Old { get; }

    /// <summary>Reward of the token after each state.</summary>
    public float[] Rewards { get; }

    /// <summary>Return of each state: what its value should have been.</summary>
    public float[] Returns { get; }

    /// <summary>What multiplies each state's loss.</summary>
    public float[] Weights { get; }

    /// <summary>Advantage of each completion token, laid out as <see cref="RolloutTokens"/> are.</summary>
    public float[] Advantages { get; }

    /// <summary>States of a sample within the flat arrays.</summary>
    public Range StatesOf(int sample) => starts[sample]..starts[sample + 1];

    /// <summary>True for a sample that takes part.</summary>
    public bool IsScored(int sample) => isScored[sample];

    /// <summary>Sets the weights of a minibatch's states: 1 / (its scored states).</summary>
    public void Normalize(ReadOnlySpan<int> samples)
    {
        long count = 0;
        foreach (int sample in samples)
        {
            count += isScored[sample] ? Sequences[sample].CompletionLength : 0;
        }

        foreach (int sample in samples)
        {
            Weights.AsSpan(StatesOf(sample)).Fill(isScored[sample] ? 1f / count : 0);
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

    /// <summary>Copies one number for each state of the samples to the device.</summary>
    public Tensor Upload(Arena arena, float[] values, ReadOnlySpan<int> samples)
    {
        column.Clear();
        foreach (int sample in samples)
        {
            column.AddRange(values.AsSpan(StatesOf(sample)));
        }

        return column.Upload(arena);
    }

    /// <summary>The same for all samples, each a row filled up with 0 (samples, steps).</summary>
    public Tensor Pad(Arena arena, float[] values)
    {
        int steps = Steps;
        column.Clear();
        for (int sample = 0; sample < Sequences.Count; sample++)
        {
            column.AddRange(values.AsSpan(StatesOf(sample)));
            column.AddRepeated(0, steps - Sequences[sample].CompletionLength);
        }

        return column.Upload(arena).Reshape([Sequences.Count, steps]);
    }

    /// <summary>1 for the states of the samples that take part (samples, steps); with or without states after the end.</summary>
    public Tensor Mask(Arena arena, bool afterEnd)
    {
        int steps = Steps;
        byte[] mask = new byte[Sequences.Count * steps];
        for (int sample = 0; sample < Sequences.Count; sample++)
        {
            int count = !isScored[sample] ? 0 : afterEnd ? Sequences[sample].CompletionLength : tokenCounts[sample];
            mask.AsSpan(sample * steps, count).Fill(1);
        }

        Tensor tensor = arena.Allocate(DType.UInt8, [Sequences.Count, steps]);
        tensor.CopyFrom<byte>(mask);
        return tensor;
    }

    /// <summary>Takes the returns and, of the completion tokens, the advantages from padded rows.</summary>
    public void Take(in Tensor returns, in Tensor advantages)
    {
        int steps = Steps, written = 0;
        ReadOnlySpan<float> padded = column.Download(returns);
        for (int sample = 0; sample < Sequences.Count; sample++)
        {
            padded.Slice(sample * steps, Sequences[sample].CompletionLength).CopyTo(Returns.AsSpan(StatesOf(sample)));
        }

        padded = column.Download(advantages);
        for (int sample = 0; sample < Sequences.Count; sample++)
        {
            padded.Slice(sample * steps, tokenCounts[sample]).CopyTo(Advantages.AsSpan(written));
            written += tokenCounts[sample];
        }
    }

    /// <summary>1 - Var(return - value) / Var(return): 1 for perfect values, 0 for useless ones.</summary>
    public double ExplainedVariance()
    {
        Moments returns = new(), errors = new();
        for (int sample = 0; sample < Sequences.Count; sample++)
        {
            for (int i = starts[sample]; i < starts[sample + 1] && isScored[sample]; i++)
            {
                returns.Add(Returns[i]);
                errors.Add((double)Returns[i] - Old[i]);
            }
        }

        return 1 - errors.SumOfSquares / returns.SumOfSquares;
    }

    private static TokenSequence With(GeneratedSequence sequence, bool after) =>
        new(after ? [.. sequence.Tokens, sequence.Tokens[^1]] : sequence.Tokens, sequence.PromptLength);

    /// <summary>Sum of squared deviations from the mean, by Welford's recurrence.</summary>
    private struct Moments
    {
        private long count;
        private double mean;

        public double SumOfSquares { get; private set; }

        public void Add(double value)
        {
            double delta = value - mean;
            mean += delta / ++count;
            SumOfSquares += delta * (value - mean);
        }
    }
}
