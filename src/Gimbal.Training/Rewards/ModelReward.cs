using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Score of a reward model at the last token of prompt and completion.</summary>
/// <remarks>
/// Token ids go to the model as they were drawn where its tokenizer reads the same text from them; else, as for a model with a
/// vocabulary of its own, the text is encoded anew.
/// </remarks>
internal sealed class ModelReward(ScoreModel model, RewardMoments? moments, bool ownsModel) : IReward, IDisposable
{
    private const int MicroBatch = 16;

    private readonly List<TokenSequence> sequences = [];
    private Arena? arena;
    private ScorePass? pass;
    private int roomFor;
    private float[] scored = [];

    public string Name => "model";

    public ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, samples.Count, nameof(scores));
        ct.ThrowIfCancellationRequested();
        sequences.Clear();
        foreach (Sample sample in samples)
        {
            sequences.Add(Tokens(sample).CutTo(model.Config.MaxPositions));
        }

        if (samples.Count == 0)
        {
            return ValueTask.CompletedTask;
        }

        Reserve(sequences.Max(sequence => sequence.Tokens.Length));
        Array.Resize(ref scored, Math.Max(scored.Length, samples.Count));
        pass!.Scores(model, sequences, MicroBatch, scored.AsSpan(0, samples.Count));
        for (int i = 0; i < samples.Count; i++)
        {
            scores.Span[i] = moments is null ? scored[i] : moments.Standardize(scored[i]);
        }

        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
        arena?.Dispose();
        if (ownsModel)
        {
            model.Dispose();
        }
    }

    private TokenSequence Tokens(Sample sample)
    {
        ReadOnlySpan<int> prompt = sample.PromptIds.Span, completion = sample.CompletionIds.Span;
        if (!prompt.IsEmpty && model.Tokenizer.Decode(completion, continuation: true) == sample.Completion)
        {
            return new TokenSequence([.. prompt, .. completion], prompt.Length);
        }

        TokenSequence text = TokenSequence.Of(model, sample.Prompt, sample.Completion, null, null);
        return sample.Ended || !model.IsEnd(text.Tokens[^1]) ? text : text.CutTo(text.Tokens.Length - 1);
    }

    private void Reserve(int longest)
    {
        if (longest <= roomFor)
        {
            return;
        }

        arena?.Dispose();
        arena = new Arena(model.Device, MemoryPlan.ScoringBytes(model, MicroBatch, longest));
        (pass, roomFor) = (new ScorePass(arena), longest);
    }
}
