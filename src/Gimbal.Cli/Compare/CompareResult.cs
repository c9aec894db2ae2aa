namespace Gimbal.Cli.Compare;

/// <summary>All that <c>gimbal compare</c> found: table, report and summary are made from it.</summary>
internal sealed record CompareResult
{
    public required string Task { get; init; }

    public required ulong Seed { get; init; }

    public required string Device { get; init; }

    /// <summary>The methods in the order of the table, the start first.</summary>
    public required IReadOnlyList<MethodResult> Methods { get; init; }

    /// <summary>What the judged share counts, as in <c>held-out sums answered right</c>.</summary>
    public required string AccuracyMeaning { get; init; }

    /// <summary>What the reward is, as in <c>1 for the right answer</c>.</summary>
    public required string RewardMeaning { get; init; }

    /// <summary>The same prompts, answered by every method.</summary>
    public IReadOnlyList<SideBySide> Answers { get; init; } = [];

    /// <summary>Sentences the reader should know, as how a number is to be read.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The part that programs read.</summary>
    public RunSummary ToSummary() => new()
    {
        Task = Task,
        Seed = Seed,
        Device = Device,
        Methods = [.. Methods.Select(method => method.ToSummary())],
    };
}

/// <summary>What one method did, and needed.</summary>
internal sealed record MethodResult
{
    /// <summary>Short name in lower case, as in <c>grpo</c>; also its colour in charts.</summary>
    public required string Name { get; init; }

    /// <summary>Name for people, as in <c>GRPO, shuffled rewards</c>.</summary>
    public required string Title { get; init; }

    /// <summary>Name beside a curve, where there is little room.</summary>
    public required string Label { get; init; }

    /// <summary>True for a run that must not improve.</summary>
    public bool IsControl { get; init; }

    /// <summary>What it needed beside the model, as in <c>a verifier</c>.</summary>
    public required string Needs { get; init; }

    public Proportion? AccuracyBefore { get; init; }

    public Proportion? AccuracyAfter { get; init; }

    public double? RewardBefore { get; init; }

    public double? RewardAfter { get; init; }

    /// <summary>The reward model's accuracy on held-out pairs, where one was used.</summary>
    public Proportion? RewardModelAccuracy { get; init; }

    /// <summary>Summed log-ratio to the start per completion, fresh samples at temperature 1.</summary>
    public double? Kl { get; init; }

    public long Samples { get; init; }

    public long TrainedTokens { get; init; }

    public double TokensPerSecond { get; init; }

    public double Seconds { get; init; }

    public long PeakBytes { get; init; }

    public long MismatchBits { get; init; }

    public long ComparedTokens { get; init; }

    /// <summary>Measures along the run, by the same judge for every method.</summary>
    public IReadOnlyList<CurvePoint> Curve { get; init; } = [];

    /// <summary>Training loss per step.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    public MethodSummary ToSummary() => new()
    {
        Name = Name,
        Accuracy = AccuracyBefore is { } before && AccuracyAfter is { } after ? new BeforeAfter(before.Value, after.Value) : null,
        Reward = RewardBefore is { } start && RewardAfter is { } end ? new BeforeAfter(start, end) : null,
        Kl = Kl,
        Seconds = Seconds,
        TokensPerSecond = TokensPerSecond,
        PeakBytes = PeakBytes,
        MismatchBits = MismatchBits,
        ComparedTokens = ComparedTokens,
    };
}

/// <summary>Measures on fresh samples of the same held-out prompts at one point of a run.</summary>
/// <param name="Share">Share of the run's steps that were taken, 0 to 1.</param>
/// <param name="Reward">Mean reward.</param>
/// <param name="Kl">Summed log-ratio to the start per completion.</param>
/// <param name="Entropy">Mean entropy per token.</param>
/// <param name="Length">Mean tokens per completion.</param>
internal readonly record struct CurvePoint(double Share, double Reward, double Kl, double Entropy, double Length);

/// <summary>One prompt and every method's answer to it.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Wanted">The right answer, if there is one.</param>
/// <param name="Answers">By method, in the order of the result.</param>
internal sealed record SideBySide(string Prompt, string? Wanted, IReadOnlyList<Answer> Answers);

/// <summary>An answer.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Text">The answer.</param>
/// <param name="IsRight">Right or wrong, if that can be said.</param>
/// <param name="Reward">Its reward, if it has one.</param>
internal sealed record Answer(string Method, string Text, bool? IsRight, double? Reward = null);
