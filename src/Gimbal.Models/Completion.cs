namespace Gimbal.Models;

/// <summary>What a model wrote after a prompt.</summary>
/// <param name="PromptIds">Token ids of the prompt.</param>
/// <param name="Ids">Token ids of the completion, the end token included if it was drawn.</param>
/// <param name="Logprobs">Log-probability of each, under the untruncated distribution at the sampling temperature.</param>
/// <param name="Text">The completion as text, without special tokens.</param>
/// <param name="Ended">True if the model drew an end token; false if the length ran out.</param>
public sealed record Completion(
    IReadOnlyList<int> PromptIds, IReadOnlyList<int> Ids, IReadOnlyList<float> Logprobs, string Text, bool Ended);

/// <summary>One token of a stream.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The text that became certain with it; may be empty within a character of several tokens.</param>
/// <param name="Logprob">Its log-probability.</param>
public readonly record struct GeneratedToken(int Id, string Text, float Logprob);
