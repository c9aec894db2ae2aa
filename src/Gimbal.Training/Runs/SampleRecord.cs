namespace Gimbal.Training;

/// <summary>A completion kept for the reader of a run: one line of <c>samples.jsonl</c>.</summary>
/// <param name="Step">Step whose rollout it was drawn in.</param>
/// <param name="Prompt">The prompt as text.</param>
/// <param name="Completion">The completion as text, without its end token.</param>
/// <param name="Reward">Its reward, if it was scored.</param>
/// <param name="Advantage">Its advantage, if it has one.</param>
/// <param name="Tokens">Tokens of the completion, its end token included.</param>
/// <param name="Method">The method that drew it, in a run of several.</param>
public sealed record SampleRecord(long Step, string Prompt, string Completion, double? Reward = null,
    double? Advantage = null, int Tokens = 0, string? Method = null);
