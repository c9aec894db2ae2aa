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

    /// <summary>Half a cosine in each of several cycles, beginning anew at 1.</summary>
    CosineRestarts,

    /// <summary>The power of a straight line.</summary>
    Polynomial,

    /// <summary>The root of warm-up / step.</summary>
    InverseSqrt,

    /// <summary>1 for a share of the steps, then half a cosine (warm-up, stable, decay).</summary>
    WarmupStableDecay,
}

/// <summary>Element type of a model, with the values of <see cref="Tensors.DType"/>.</summary>
[JsonConverter(typeof(OptionEnumConverter<ModelDtype>))]
public enum ModelDtype
{
    /// <summary>IEEE single precision.</summary>
    Float32 = 0,

    /// <summary>bfloat16, with float32 master weights where the model trains.</summary>
    Bf16 = 1,

    /// <summary>The same, as other systems spell it.</summary>
    Bfloat16 = Bf16,
}

/// <summary>What divides the sum of token losses of an optimizer step; fixed before the step is split.</summary>
[JsonConverter(typeof(OptionEnumConverter<LossNormalizer>))]
public enum LossNormalizer
{
    /// <summary>The number of loss tokens of the step.</summary>
    Tokens,

    /// <summary>Each sequence by its own tokens, then all by the number of sequences.</summary>
    Sequences,

    /// <summary>The number of sequences (LUSPO; verl's seq-mean-token-sum).</summary>
    SequenceSums,

    /// <summary>The number of sequences times the most tokens a completion may have (Dr. GRPO, Liu et al. 2025).</summary>
    MaxTokens,
}

/// <summary>What divides a group's centred rewards.</summary>
[JsonConverter(typeof(OptionEnumConverter<AdvantageScale>))]
public enum AdvantageScale
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The group's standard deviation (ddof 1) plus epsilon.</summary>
    Group,

    /// <summary>The standard deviation of all rewards of the step (ddof 1) plus epsilon.</summary>
    Batch,
}

/// <summary>What is taken off a reward.</summary>
[JsonConverter(typeof(OptionEnumConverter<AdvantageBaseline>))]
public enum AdvantageBaseline
{
    /// <summary>The mean of the group (GRPO).</summary>
    Group,

    /// <summary>The mean of the others of the group (RLOO, Kool et al. 2019; Ahmadian et al. 2024).</summary>
    LeaveOneOut,

    /// <summary>Nothing (REINFORCE++, which whitens instead).</summary>
    None,
}

/// <summary>Where the KL to the reference counts.</summary>
[JsonConverter(typeof(OptionEnumConverter<KlPlacement>))]
public enum KlPlacement
{
    /// <summary>In the loss, token by token.</summary>
    Loss,

    /// <summary>Summed over the completion, in its reward, before the baseline (RLOO).</summary>
    Reward,

    /// <summary>In the reward of each token, which the advantages of the tokens before it see (REINFORCE++).</summary>
    TokenReward,
}

/// <summary>How several rewards become one advantage.</summary>
[JsonConverter(typeof(OptionEnumConverter<RewardAggregation>))]
public enum RewardAggregation
{
    /// <summary>Their weighted sum has a baseline.</summary>
    SumThenNormalize,

    /// <summary>Each has a baseline and a scale of its own; the weighted sum is normalised over the step (GDPO).</summary>
    NormalizeThenSum,
}

/// <summary>What is made of ratio and advantage; papers in <see cref="Tensors.PolicySurrogate"/>.</summary>
[JsonConverter(typeof(OptionEnumConverter<PolicyLossKind>))]
public enum PolicyLossKind
{
    /// <summary>The clipped surrogate (PPO, GRPO, DAPO, GSPO, RLOO).</summary>
    Clip = 0,

    /// <summary>The clipped ratio, held, times log-probability (CISPO); with clip ranges 0 REINFORCE.</summary>
    Cispo = 1,

    /// <summary>A sigmoid of the ratio (SAPO).</summary>
    Sapo = 2,

    /// <summary>A gamma weight of the sequence's ratio, held, times log-probability (VESPO).</summary>
    Vespo = 3,
}

/// <summary>The losses over labelled completions.</summary>
[JsonConverter(typeof(OptionEnumConverter<UnpairedLossKind>))]
public enum UnpairedLossKind
{
    /// <summary>1 - sigmoid of the reward's distance to z0, the KL estimate.</summary>
    Kto,

    /// <summary>-log sigmoid of its distance to delta, the running mean reward.</summary>
    Bco,

    /// <summary>1 - sigmoid of the reward itself.</summary>
    ApoZero,
}

/// <summary>Of what the importance ratio is.</summary>
[JsonConverter(typeof(OptionEnumConverter<RatioLevel>))]
public enum RatioLevel
{
    /// <summary>Each token.</summary>
    Token,

    /// <summary>The completion: the geometric mean of its tokens' (GSPO, Zheng et al. 2025).</summary>
    Sequence,

    /// <summary>The same value, its gradient through each token's own log-probability (GSPO-token).</summary>
    SequenceToken,

    /// <summary>The completion: the product of its tokens' (RLOO).</summary>
    SequenceSum,
}

/// <summary>What becomes of a rollout drawn from another policy than the one the ratio is to.</summary>
[JsonConverter(typeof(OptionEnumConverter<RolloutCorrection>))]
public enum RolloutCorrection
{
    /// <summary>Nothing: the sampler's own log-probabilities are the old ones.</summary>
    None,

    /// <summary>Tokens are weighted by their importance ratio, held within the bounds (truncated importance sampling).</summary>
    TruncateTokens,

    /// <summary>The same, and a token outside the bounds is dropped (IcePop).</summary>
    MaskTokens,

    /// <summary>Completions are weighted by the product of their ratios, held within the bounds.</summary>
    TruncateSequences,

    /// <summary>The same, and a completion outside the bounds is dropped.</summary>
    MaskSequences,
}

/// <summary>Estimators of KL(policy || reference) from one sample, d = logprob - reference (Schulman 2020), and the KL itself.</summary>
[JsonConverter(typeof(OptionEnumConverter<KlEstimator>))]
public enum KlEstimator
{
    /// <summary>d: unbiased, of either sign.</summary>
    K1 = 1,

    /// <summary>d^2 / 2: biased, never negative.</summary>
    K2 = 2,

    /// <summary>exp(-d) - 1 + d: unbiased, never negative.</summary>
    K3 = 3,

    /// <summary>Exact, over the whole vocabulary: what the token drawn does not say. In a reward it is the same for every token drawn.</summary>
    Full = 4,
}

/// <summary>What a log-ratio h to the reference counts as in a preference loss (f-DPO, Wang et al. 2024).</summary>
[JsonConverter(typeof(OptionEnumConverter<RatioDivergence>))]
public enum RatioDivergence
{
    /// <summary>h.</summary>
    ReverseKl = 0,

    /// <summary>-exp(-h).</summary>
    ForwardKl = 1,

    /// <summary>log sigmoid(h).</summary>
    JensenShannon = 2,

    /// <summary>exp((alpha - 1) h) / (alpha - 1).</summary>
    Alpha = 3,
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
