using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gimbal.Training;

/// <summary>Course of the learning rate after the warm-up.</summary>
[JsonConverter(typeof(OptionEnumConverter<LearningRateSchedule>))]
public enum LearningRateSchedule
{
    /// <summary>Half a cosine from 1 to the minimum ratio.</summary>
    Cosine,

    /// <summary>A straight line from 1 to the minimum ratio.</summary>
    Linear,

    /// <summary>1 throughout.</summary>
    Constant,
}

/// <summary>What divides the sum of token losses of an optimizer step; fixed before the step is split.</summary>
[JsonConverter(typeof(OptionEnumConverter<LossNormalizer>))]
public enum LossNormalizer
{
    /// <summary>The number of loss tokens of the step.</summary>
    Tokens,

    /// <summary>Each sequence by its own tokens, then all by the number of sequences.</summary>
    Sequences,
}

/// <summary>What divides a group's centred rewards.</summary>
[JsonConverter(typeof(OptionEnumConverter<AdvantageScale>))]
public enum AdvantageScale
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The group's standard deviation (ddof 1) plus epsilon.</summary>
    Group,
}

/// <summary>Estimators of KL(policy || reference) from one sample, d = logprob - reference (Schulman 2020).</summary>
[JsonConverter(typeof(OptionEnumConverter<KlEstimator>))]
public enum KlEstimator
{
    /// <summary>d: unbiased, of either sign.</summary>
    K1 = 1,

    /// <summary>d^2 / 2: biased, never negative.</summary>
    K2 = 2,

    /// <summary>exp(-d) - 1 + d: unbiased, never negative.</summary>
    K3 = 3,
}

/// <summary>The token whose reward receives the score of the completion.</summary>
[JsonConverter(typeof(OptionEnumConverter<ScorePosition>))]
public enum ScorePosition
{
    /// <summary>The last kept token, the end token if there is one.</summary>
    Last,

    /// <summary>One past it, where the value model is still asked; as TRL does.</summary>
    AfterLast,
}

/// <summary>The rewards that need no code.</summary>
[JsonConverter(typeof(OptionEnumConverter<RewardKind>))]
public enum RewardKind
{
    /// <summary>1 if the completion, trimmed, is the column's text.</summary>
    Exact,

    /// <summary>1 if the completion's last number equals the column's.</summary>
    Numeric,

    /// <summary>1 if the completion matches the pattern.</summary>
    Regex,

    /// <summary>1 at the target length, falling linearly to 0.</summary>
    Length,

    /// <summary>Sentiment by a lexicon, each distinct word counted once.</summary>
    Lexicon,

    /// <summary>Score of a reward model.</summary>
    Model,
}

/// <summary>Enumerations by their names in snake_case.</summary>
/// <typeparam name="T">The enumeration.</typeparam>
public sealed class OptionEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>What <c>gimbal compare</c> aligns a model to.</summary>
[JsonConverter(typeof(OptionEnumConverter<CompareTaskKind>))]
public enum CompareTaskKind
{
    /// <summary>Two-digit addition, learnt from partly wrong demonstrations.</summary>
    Sums,

    /// <summary>Cheerful continuations of story openings.</summary>
    Stories,
}
