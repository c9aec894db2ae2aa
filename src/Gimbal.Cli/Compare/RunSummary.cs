using System.Text.Json;
using System.Text.Json.Serialization;
using Gimbal.Training;

namespace Gimbal.Cli.Compare;

/// <summary><c>summary.json</c>: what a run came to, for programs. A number that was not measured is null.</summary>
internal sealed record RunSummary
{
    /// <summary>Version of this layout.</summary>
    public int Schema { get; init; } = 1;

    public required string Task { get; init; }

    public required ulong Seed { get; init; }

    public required string Device { get; init; }

    public required IReadOnlyList<MethodSummary> Methods { get; init; }

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SummaryJson.Default.RunSummary) + "\n";

    /// <summary>Reads a file's text.</summary>
    /// <exception cref="JsonException">It is no summary.</exception>
    public static RunSummary FromJson(string text) =>
        JsonSerializer.Deserialize(text, SummaryJson.Default.RunSummary) ?? throw new JsonException("The summary is empty.");
}

/// <summary>One method of a <see cref="RunSummary"/>.</summary>
internal sealed record MethodSummary
{
    public required string Name { get; init; }

    /// <summary>Share of held-out problems answered right, greedily.</summary>
    public BeforeAfter? Accuracy { get; init; }

    /// <summary>Mean reward of fresh samples of held-out prompts.</summary>
    public BeforeAfter? Reward { get; init; }

    /// <summary>Summed log-ratio to the starting weights per completion, on fresh samples at temperature 1.</summary>
    public double? Kl { get; init; }

    public double Seconds { get; init; }

    public double TokensPerSecond { get; init; }

    public long PeakBytes { get; init; }

    /// <summary>Bits in which the sampler's and the trainer's log-probabilities differed.</summary>
    public long MismatchBits { get; init; }

    public long ComparedTokens { get; init; }

    /// <summary>Thresholds that the run crossed; absent where none was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<TrainingWarning>? Warnings { get; init; }
}

/// <summary>A measure at the start and at the end of a run.</summary>
internal sealed record BeforeAfter(double Before, double After);

/// <summary>Source-generated serialiser of summaries.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunSummary))]
internal sealed partial class SummaryJson : JsonSerializerContext;
