using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>The forward pass of a model with a scalar head: scores of whole sequences, or values of their states.</summary>
/// <param name="arena">Holds the activations of one micro-batch.</param>
internal sealed class ScorePass(Arena arena)
{
    public Tape Tape { get; } = new(arena);

    public TokenBatch Batch { get; } = new();

    /// <summary>Score of the last token of every sequence. Nothing is recorded.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Prompts and completions.</param>
    /// <param name="microBatch">Sequences forwarded at a time.</param>
    /// <param name="destination">One number for each sequence.</param>
    public void Scores(ScoreModel model, IReadOnlyList<TokenSequence> sequences, int microBatch, Span<float> destination) =>
        Run(model, sequences, microBatch, feedLast: true, destination);

    /// <summary>Value of the state before each completion token, in the order of the sequences. Nothing is recorded.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sequences">Prompts and completions.</param>
    /// <param name="microBatch">Sequences forwarded at a time.</param>
    /// <param name="destination">One number for each completion token.</param>
    public void Values(ScoreModel model, IReadOnlyList<TokenSequence> sequences, int microBatch, Span<float> destination) =>
        Run(model, sequences, microBatch, feedLast: false, destination);

    private void Run(ScoreModel model, IReadOnlyList<TokenSequence> sequences, int microBatch, bool feedLast, Span<float> destination)
    {
        Tape.Recording = false;
        for (int start = 0, written = 0; start < sequences.Count; start += microBatch)
        {
            Batch.Clear();
            for (int i = start; i < Math.Min(start + microBatch, sequences.Count); i++)
            {
                Batch.Add(sequences[i].Tokens, sequences[i].PromptLength, feedLast);
            }

            using ArenaScope scope = arena.Enter();
            Batch.Upload(arena);
            Tensor scores = model.Score(Tape, model.Forward(Tape, Batch), feedLast ? Batch.LastRows : Batch.Rows);
            scores.CopyTo(destination.Slice(written, (int)scores.Rows));
            written += (int)scores.Rows;
        }
    }
}
