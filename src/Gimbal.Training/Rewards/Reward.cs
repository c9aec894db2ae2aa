using System.Globalization;
using System.Text.RegularExpressions;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Makes rewards from delegates, columns, patterns, lengths and word lists.</summary>
public static partial class Reward
{
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(1);

    /// <summary>A reward that scores each sample by a delegate, one after the other; null leaves the sample out.</summary>
    /// <exception cref="GimbalException">On scoring: the delegate threw or gave a number that is not finite; names the prompt.</exception>
    public static IReward Create(Func<Sample, float?> score, string name = "reward")
    {
        ArgumentNullException.ThrowIfNull(score);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new DelegateReward(score, name);
    }

    /// <summary>1 where the completion equals a column of the prompt's row, both trimmed; else 0.</summary>
    public static IReward Exact(string column)
    {
        ArgumentException.ThrowIfNullOrEmpty(column);
        return Create(sample => sample.Completion.AsSpan().Trim().SequenceEqual(sample.Column(column).AsSpan().Trim()) ? 1f : 0f, "exact");
    }

    /// <summary>
    /// 1 where the last number in the completion differs from the last number in a column by at most
    /// <paramref name="tolerance"/>; 0 where it does not, or where the completion has no number.
    /// Thousands may be set off by commas; <c>"#### 1,234"</c> reads as 1234.
    /// </summary>
    /// <exception cref="GimbalException">On scoring: the column holds no number.</exception>
    public static IReward Numeric(string column, double tolerance = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(column);
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);
        return Create(sample =>
        {
            string expectedText = sample.Column(column);
            double expected = LastNumber(expectedText)
                ?? throw new GimbalException($"column '{column}' holds no number: {Excerpt(expectedText)}");
            return LastNumber(sample.Completion) is { } found && Math.Abs(found - expected) <= tolerance ? 1f : 0f;
        }, "numeric");
    }

    /// <summary>1 where the pattern (.NET syntax, culture-invariant) matches anywhere in the completion, else 0; anchor it with ^ and $ to match all.</summary>
    /// <exception cref="InvalidConfigException">The pattern is malformed.</exception>
    public static IReward Regex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        Regex regex;
        try
        {
            regex = new Regex(pattern, RegexOptions.CultureInvariant, PatternTimeout);
        }
        catch (RegexParseException error)
        {
            throw new InvalidConfigException("reward.pattern", $"'{pattern}' is not a regular expression: {error.Message}");
        }

        return Create(sample => regex.IsMatch(sample.Completion) ? 1f : 0f, "regex");
    }

    /// <summary>max(0, 1 - |n - target| / scale), where n counts the tokens of the completion, its end token included.</summary>
    public static IReward Length(int target, float scale)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(target);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        return Create(sample => Math.Max(0f, 1f - Math.Abs(sample.CompletionIds.Length - target) / scale), "length");
    }

    /// <summary>
    /// Sentiment in (-1, 1): s / sqrt(s^2 + 15), where s sums the valences of the completion's distinct words;
    /// words are the runs of <c>[a-z']</c> in the lower-cased text.
    /// The formula is that of VADER (Hutto and Gilbert 2014) without its rules for negation and emphasis.
    /// </summary>
    /// <param name="path">Tab-separated lines: word, mean valence, anything further.</param>
    /// <exception cref="InvalidFileException">The file cannot be read, or a line is not of that form.</exception>
    public static IReward Lexicon(string path) => LexiconReward.Load(path);

    /// <summary>Another reward's scores, in an order drawn anew for each batch: a control that no algorithm may profit from.</summary>
    /// <param name="reward">Whose scores.</param>
    /// <param name="seed">Seed of the orders.</param>
    public static IReward Shuffled(IReward reward, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(reward);
        return new ShuffledReward(reward, seed);
    }

    /// <summary>
    /// Another reward's scores, waited for no longer than a limit; the parts of a weighted sum have the limit each. The reward is
    /// asked on a thread of its own, and one that hangs is left behind there: it must not compute on the trainer's device.
    /// </summary>
    /// <param name="reward">Whose scores.</param>
    /// <param name="limit">Time that a batch may take.</param>
    /// <exception cref="TimeoutException">On scoring: the batch took longer.</exception>
    public static IReward WithTimeLimit(IReward reward, TimeSpan limit)
    {
        ArgumentNullException.ThrowIfNull(reward);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero);
        return reward is WeightedReward sum
            ? new WeightedReward([.. sum.Parts.Select(part => (part.Weight, WithTimeLimit(part.Reward, limit)))])
            : new TimeLimitedReward(reward, limit);
    }

    /// <summary>Scores of a reward model at the last token, standardised and clipped where asked.</summary>
    /// <param name="model">The model; it stays the caller's to dispose.</param>
    /// <param name="standardizeBy">Moments that scores are centred and scaled by; null: scores as they are.</param>
    /// <param name="clip">Scores are clipped to +- clip; 0: no clipping.</param>
    public static IReward FromModel(ScoreModel model, RewardMoments? standardizeBy = null, float clip = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(clip);
        return Clipped(new ModelReward(model, standardizeBy, ownsModel: false), clip);
    }

    /// <summary>
    /// The reward that options describe, clipped if they say so; the scale of a length target is the target. One that has loaded a
    /// model is <see cref="IDisposable"/>.
    /// </summary>
    /// <param name="options">What a completion is worth.</param>
    /// <param name="device">Where a reward model goes; the other kinds need none.</param>
    /// <param name="dtype">Element type of a reward model.</param>
    /// <exception cref="InvalidConfigException">The kind is <see cref="RewardKind.Model"/> and there is no device, or a value is missing.</exception>
    /// <exception cref="InvalidFileException">The lexicon or the model cannot be used.</exception>
    public static IReward FromOptions(RewardFunctionOptions options, Device? device = null, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return options.TimeoutSeconds > 0 && options.Kind != RewardKind.Model
            ? WithTimeLimit(OfKind(options, device, dtype), TimeSpan.FromSeconds(options.TimeoutSeconds))
            : OfKind(options, device, dtype);
    }

    private static IReward OfKind(RewardFunctionOptions options, Device? device, DType dtype) =>
        Clipped(options.Kind switch
        {
            RewardKind.Exact => Exact(options.Column),
            RewardKind.Numeric => Numeric(options.Column),
            RewardKind.Regex => Regex(options.Pattern!),
            RewardKind.Length => Length(options.Target, options.Target),
            RewardKind.Lexicon => Lexicon(options.Lexicon!),
            _ => LoadModel(options, device ?? throw new InvalidConfigException("reward.kind", "a reward model needs a device to run on."), dtype),
        }, options.Clip);

    /// <summary>sum_i weight_i * reward_i. A part that leaves a sample out adds nothing; a sample that every part leaves out is left out.</summary>
    public static WeightedReward Sum(params ReadOnlySpan<(float Weight, IReward Reward)> parts) => new(parts);

    private static IReward Clipped(IReward reward, float clip) => clip > 0 ? new ClippedReward(reward, clip) : reward;

    private static ModelReward LoadModel(RewardFunctionOptions options, Device device, DType dtype)
    {
        RewardMoments? moments = options.Standardize ? RewardMoments.Load(options.Model!) : null;
        return new ModelReward(ScoreModel.Load(options.Model!, device, trainable: false, dtype), moments, ownsModel: true);
    }

    /// <summary>The last decimal number in a text, if there is one.</summary>
    internal static double? LastNumber(string text)
    {
        double? last = null;
        foreach (ValueMatch match in Number().EnumerateMatches(text))
        {
            string digits = text.Substring(match.Index, match.Length).Replace(",", "", StringComparison.Ordinal);
            last = double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        return last;
    }

    /// <summary>A text, quoted and shortened for a message.</summary>
    internal static string Excerpt(string text)
    {
        const int longest = 80;
        string shown = text.Length <= longest ? text : string.Concat(text.AsSpan(0, longest), "...");
        return $"\"{shown.ReplaceLineEndings("\\n")}\"";
    }

    // A sign counts only where it cannot be an operator or a hyphen ("5-3" ends in 3); commas only before three digits.
    [GeneratedRegex(@"(?:(?<![\w.)])[-+])?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?",
        RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
