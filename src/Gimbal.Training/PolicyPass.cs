using System.Runtime.InteropServices;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// The forward pass of a policy over completions: log-probabilities of their tokens, with a loss or without. Shared by the
/// trainers; holds the reusable host memory and the arena.
/// </summary>
internal sealed class PolicyPass : IDisposable
{
    private readonly Column column = new();

    /// <param name="device">Where the models live.</param>
    /// <param name="arenaBytes">Room for the activations of one micro-batch, from <see cref="MemoryPlan"/>.</param>
    public PolicyPass(Device device, long arenaBytes)
    {
        Arena = new Arena(device, arenaBytes);
        Tape = new Tape(Arena);
    }

    public Arena Arena { get; }

    public Tape Tape { get; }

    public TokenBatch Batch { get; } = new();

    /// <summary>
    /// Log-probabilities of all completions under a model, written to <paramref name="destination"/> in the order of the
    /// sequences: a reference, or an old policy. Nothing is recorded.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Prompts and completions.</param>
    /// <param name="temperature">Temperature of the distribution.</param>
    /// <param name="microBatch">Sequences forwarded at a time.</param>
    /// <param name="destination">One number for each completion token.</param>
    /// <param name="entropies">Entropies of the same rows; empty if they are not wanted.</param>
    public void Logprobs(LanguageModel model, IReadOnlyList<TokenSequence> sequences, float temperature, int microBatch,
        Span<float> destination, Span<float> entropies = default)
    {
        Tape.Recording = false;
        int written = 0;
        for (int start = 0; start < sequences.Count; start += microBatch)
        {
            Batch.Clear();
            for (int i = start; i < Math.Min(start + microBatch, sequences.Count); i++)
            {
                Batch.Add(sequences[i].Tokens, sequences[i].PromptLength);
            }

            using ArenaScope scope = Arena.Enter();
            Batch.Upload(Arena);
            Tensor hidden = Ops.GatherRows(Tape, model.Forward(Tape, Batch), Batch.Rows);
            (Tensor logprob, Tensor entropy) = Ops.LinearLogprob(Arena, hidden, model.Head, Batch.Targets, temperature);
            logprob.CopyTo(destination.Slice(written, Batch.LossRows));
            if (!entropies.IsEmpty)
            {
                entropy.CopyTo(entropies.Slice(written, Batch.LossRows));
            }

            written += Batch.LossRows;
        }
    }

    /// <summary>Computes the log-probabilities of a rollout again, as <see cref="Logprobs"/> does.</summary>
    /// <exception cref="GimbalException">One has not the bits that the sampler recorded.</exception>
    public void Verify(LanguageModel model, IReadOnlyList<TokenSequence> sequences, float temperature, int microBatch,
        ReadOnlySpan<float> recorded)
    {
        float[] computed = new float[recorded.Length];
        Logprobs(model, sequences, temperature, microBatch, computed);
        TrainingTotals differing = new();
        differing.Compare(computed, recorded);
        if (differing.MismatchBits > 0)
        {
            int first = MemoryMarshal.Cast<float, int>(computed).CommonPrefixLength(MemoryMarshal.Cast<float, int>(recorded));
            throw new GimbalException(
                $"train.verify_rollouts: {differing.MismatchBits} bits differ among {computed.Length} log-probabilities, first of token " +
                $"{first}: the sampler recorded {recorded[first]:R}, the forward pass gives {computed[first]:R}. The rollout is not of this policy.");
        }
    }

    /// <summary>The exact KL of a policy to the reference at every completion token, in the order of the sequences.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="reference">To which.</param>
    /// <param name="sequences">Prompts and completions.</param>
    /// <param name="temperature">Temperature of the policy's distribution.</param>
    /// <param name="microBatch">Sequences forwarded at a time.</param>
    /// <returns>One number for each completion token.</returns>
    public float[] ExactKl(LanguageModel policy, ReferenceKl reference, IReadOnlyList<TokenSequence> sequences, float temperature,
        int microBatch)
    {
        float[] result = new float[sequences.Sum(sequence => sequence.CompletionLength)];
        Tape.Recording = false;
        for (int start = 0, written = 0; start < sequences.Count; start += microBatch, written += Batch.LossRows)
        {
            Batch.Clear();
            foreach (TokenSequence sequence in sequences.Skip(start).Take(microBatch))
            {
                Batch.Add(sequence.Tokens, sequence.PromptLength);
            }

            using ArenaScope scope = Arena.Enter();
            Batch.Upload(Arena);
            reference.Forward(Batch);
            Tensor hidden = Ops.GatherRows(Tape, policy.Forward(Tape, Batch), Batch.Rows);
            Ops.LinearLogprob(Tape, hidden, policy.Head, Batch.Targets, temperature, reference.Measure);
            reference.Values.CopyTo(result.AsSpan(written, Batch.LossRows));
        }

        return result;
    }

    /// <summary>
    /// Counts the bits in which the trainer's log-probabilities differ from the sampler's: promised to be none before the
    /// first update of a rollout.
    /// </summary>
    public void Compare(in Tensor logprob, ReadOnlySpan<float> recorded, TrainingTotals totals) =>
        totals.Compare(column.Download(logprob), recorded);

    public void Dispose() => Arena.Dispose();
}
