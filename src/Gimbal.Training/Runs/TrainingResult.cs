namespace Gimbal.Training;

/// <summary>What a finished training run did and needed.</summary>
public sealed record TrainingResult
{
    /// <summary>Steps taken, those before a resume included.</summary>
    public required int Steps { get; init; }

    /// <summary>Seconds in this process.</summary>
    public required double Seconds { get; init; }

    /// <summary>Tokens that went through a training forward pass, prompts included.</summary>
    public long TrainedTokens { get; init; }

    /// <summary>Completions or pairs drawn from the policy.</summary>
    public long Samples { get; init; }

    /// <summary>Tokens trained and generated per second.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>High-water mark of the arenas and stores of the run, in bytes.</summary>
    public long PeakBytes { get; init; }

    /// <summary>Bits in which the sampler's and the trainer's log-probabilities differed, summed over the run.</summary>
    public long MismatchBits { get; init; }

    /// <summary>Tokens so compared.</summary>
    public long ComparedTokens { get; init; }

    /// <summary>Metrics of the last step.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>Thresholds that were crossed, those before a resume included.</summary>
    public IReadOnlyList<TrainingWarning> Warnings { get; init; } = [];

    /// <summary>The run folder, if there is one.</summary>
    public string? Output { get; init; }
}
