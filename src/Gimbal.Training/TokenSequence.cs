using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>Prompt and completion as token ids.</summary>
/// <param name="Tokens">Prompt, then completion, then the end token.</param>
/// <param name="PromptLength">Tokens of the prompt, at least 1.</param>
/// <param name="Learnt">For each token whether a loss looks at it; null: all after the prompt.</param>
internal readonly record struct TokenSequence(int[] Tokens, int PromptLength, bool[]? Learnt = null)
{
    /// <summary>Tokens of the completion.</summary>
    public int CompletionLength => Tokens.Length - PromptLength;

    /// <summary>Tokens that a loss looks at.</summary>
    public int LossTokens => Learnt is null ? CompletionLength : Learnt.AsSpan(PromptLength).Count(true);

    /// <summary>The ids of a prompt: given ones, or those of the tokenizer. Never empty.</summary>
    /// <exception cref="GimbalException">The prompt has no token and the tokenizer no begin token to stand for it.</exception>
    public static int[] PromptIds(TransformerModel model, string prompt, int[]? ids) => Begin(model, ids ?? model.Tokenizer.Encode(prompt));

    /// <summary>
    /// An example to learn from. Prompt and completion are encoded together where the prompt's ids come out as a prefix, apart
    /// where a token would straddle the boundary. A completion of text gets an end token; given ids stay as they are.
    /// </summary>
    public static TokenSequence Of(TransformerModel model, string prompt, string completion, int[]? promptIds, int[]? completionIds)
    {
        int[] begin = PromptIds(model, prompt, promptIds);
        if (completionIds is not null)
        {
            return new TokenSequence([.. begin, .. completionIds], begin.Length);
        }

        int[] rest = Continuation(model, prompt, completion, begin);
        return model.EndIds.Count == 0 || (rest.Length > 0 && model.IsEnd(rest[^1]))
            ? new TokenSequence([.. begin, .. rest], begin.Length)
            : new TokenSequence([.. begin, .. rest, model.EndIds[0]], begin.Length);
    }

    /// <summary>A dialogue to learn some turns of. Pieces are encoded as prompt and completion are; the end token is learnt with the last.</summary>
    public static TokenSequence Of(TransformerModel model, IReadOnlyList<ChatPiece> pieces)
    {
        List<int> tokens = [];
        List<bool> learnt = [];
        string text = "";
        foreach (ChatPiece piece in pieces)
        {
            tokens.AddRange(tokens.Count == 0 ? PromptIds(model, piece.Text, null) : Continuation(model, text, piece.Text, [.. tokens]));
            learnt.AddRange(Enumerable.Repeat(piece.IsLearnt, tokens.Count - learnt.Count));
            text += piece.Text;
        }

        if (model.EndIds.Count > 0 && !model.IsEnd(tokens[^1]))
        {
            tokens.Add(model.EndIds[0]);
            learnt.Add(pieces[^1].IsLearnt);
        }

        return new TokenSequence([.. tokens], Math.Max(1, learnt.IndexOf(true)), [.. learnt]);
    }

    /// <summary>Cut at the end to at most so many tokens.</summary>
    public TokenSequence CutTo(int length) => Tokens.Length <= length ? this
        : new TokenSequence(Tokens[..length], Math.Min(PromptLength, length), Learnt?[..length]);

    private static int[] Continuation(TransformerModel model, string prompt, string completion, int[] begin)
    {
        int[] whole = model.Tokenizer.Encode(prompt + completion);
        return whole.AsSpan().StartsWith(begin)
            ? whole[begin.Length..]
            : model.Tokenizer.Encode(completion, addSpecial: false);
    }

    private static int[] Begin(TransformerModel model, int[] ids) =>
        ids.Length > 0 ? ids
        : model.Tokenizer.BosId is { } bos ? [bos]
        : throw new GimbalException("a prompt is empty and the tokenizer has no begin token to stand for it");
}
