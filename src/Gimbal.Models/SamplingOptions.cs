using System.ComponentModel;

namespace Gimbal.Models;

/// <summary>How the next token is drawn: softmax(logits / temperature) after the repetition penalty, top-k, then top-p, then min-p.</summary>
/// <remarks>What is recorded of a token is its log-probability without penalty and truncation: the policy's own.</remarks>
public sealed record SamplingOptions
{
    /// <summary>Tokens a completion may have, its end token included.</summary>
    [Description("Tokens a completion may have, its end token included.")]
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Divides the logits; 0: the most likely token.</summary>
    [Description("Divides the logits; 0: the most likely token.")]
    public float Temperature { get; init; } = 1f;

    /// <summary>Draw among this many most likely tokens; 0: all.</summary>
    [Description("Draw among this many most likely tokens; 0: all.")]
    public int TopK { get; init; }

    /// <summary>Draw among the fewest most likely tokens whose probabilities reach this sum; 1: all.</summary>
    [Description("Draw among the fewest most likely tokens whose probabilities reach this sum; 1: all.")]
    public float TopP { get; init; } = 1f;

    /// <summary>Draw among the tokens at least this likely, relative to the most likely one; 0: all.</summary>
    [Description("Draw among the tokens at least this likely, relative to the most likely one; 0: all.")]
    public float MinP { get; init; }

    /// <summary>Logits of tokens that prompt or completion has are divided by this where positive, multiplied elsewhere; 1: left alone.</summary>
    [Description("Logits of tokens that prompt or completion has are divided by this where positive, multiplied elsewhere; 1: left alone.")]
    public float RepetitionPenalty { get; init; } = 1f;

    /// <summary>Seed of the draws; a trainer draws from its own seed instead.</summary>
    [Description("Seed of the draws; a trainer draws from its own seed instead.")]
    public ulong Seed { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        Check(MaxNewTokens >= 1, "max_new_tokens", MaxNewTokens, "must be at least 1");
        Check(Temperature >= 0f && float.IsFinite(Temperature), "temperature", Temperature, "must be at least 0");
        Check(TopK >= 0, "top_k", TopK, "must be at least 0");
        Check(TopP is > 0f and <= 1f, "top_p", TopP, "must be above 0 and at most 1");
        Check(RepetitionPenalty > 0f && float.IsFinite(RepetitionPenalty), "repetition_penalty", RepetitionPenalty, "must be above 0");
        Check(MinP is >= 0f and <= 1f, "min_p", MinP, "must lie between 0 and 1");
    }

    private static void Check(bool holds, string name, IFormattable value, string wanted)
    {
        if (!holds)
            throw new InvalidConfigException($"sampling.{name}",
                $"{wanted}, is {value.ToString(null, System.Globalization.CultureInfo.InvariantCulture)}.");
    }
}
