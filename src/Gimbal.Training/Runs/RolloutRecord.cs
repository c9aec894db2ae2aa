using System.Text.Json.Serialization;

namespace Gimbal.Training;

/// <summary>
/// One sample of the flight record of a step: a line of <c>records/step-N.jsonl.gz</c>. Lists run over the tokens of the
/// completion; what a trainer does not have is absent. Log-probabilities read back bit for bit.
/// </summary>
public sealed record RolloutRecord
{
    /// <summary>Number of the prompt within the step; samples of one group share it.</summary>
    public required int Group { get; init; }

    /// <summary>The prompt as text.</summary>
    public required string Prompt { get; init; }

    /// <summary>The completion as text, without special tokens.</summary>
    public required string Completion { get; init; }

    /// <summary>True if it closed with an end token.</summary>
    public required bool Ended { get; init; }

    /// <summary>Its reward; absent if it was left out.</summary>
    public float? Reward { get; init; }

    /// <summary>What each of several rewards gave, times its weight, by name.</summary>
    [JsonPropertyName("reward_parts")]
    public IReadOnlyDictionary<string, float>? RewardParts { get; init; }

    /// <summary>Its advantage, where it has one as a whole.</summary>
    public float? Advantage { get; init; }

    /// <summary>Token ids.</summary>
    public required int[] Ids { get; init; }

    /// <summary>The text of each token, special ones included.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>Log-probabilities under the policy in the last pass over the sample.</summary>
    public float[]? Policy { get; init; }

    /// <summary>Log-probabilities that the sampler recorded.</summary>
    public required float[] Sampler { get; init; }

    /// <summary>Log-probabilities under the reference.</summary>
    public float[]? Reference { get; init; }

    /// <summary>Advantages of the tokens.</summary>
    public required float[] Advantages { get; init; }

    /// <summary>Ratio of new to old policy that the clip looked at in the last pass.</summary>
    public float[]? Ratio { get; init; }

    /// <summary>-1 where the clip stopped the token from below, 1 from above, 0 elsewhere; absent for a loss that does not clip.</summary>
    public int[]? Clip { get; init; }
}
