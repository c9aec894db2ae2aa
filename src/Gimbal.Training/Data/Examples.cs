namespace Gimbal.Training;

/// <summary>A prompt to sample from.</summary>
/// <param name="Prompt">Text.</param>
/// <param name="PromptIds">Token ids; where given they are used instead of encoding the text.</param>
/// <param name="Columns">Further columns of the row, for rewards: strings as they are, other values as JSON text.</param>
public sealed record PromptExample(string Prompt, int[]? PromptIds = null, IReadOnlyDictionary<string, string>? Columns = null);

/// <summary>A prompt with the completion to learn; an empty prompt means that the whole text is learnt.</summary>
/// <param name="Prompt">Text of the prompt.</param>
/// <param name="Completion">Text of the completion, without an end token.</param>
/// <param name="PromptIds">Token ids of the prompt; where given they are used instead of encoding the text.</param>
/// <param name="CompletionIds">Token ids of the completion, complete as they stand: no end token is added to them.</param>
/// <param name="Pieces">The whole dialogue, where the example is one: <see cref="ChatTemplate.Pieces"/>.</param>
public sealed record CompletionExample(string Prompt, string Completion, int[]? PromptIds = null, int[]? CompletionIds = null,
    IReadOnlyList<ChatPiece>? Pieces = null);

/// <summary>A prompt with a better and a worse completion.</summary>
/// <param name="Prompt">Text of the prompt.</param>
/// <param name="Chosen">The better completion, without an end token.</param>
/// <param name="Rejected">The worse completion, without an end token.</param>
/// <param name="PromptIds">Token ids of the prompt; where given they are used instead of encoding the text.</param>
/// <param name="ChosenIds">Token ids of the better completion, complete as they stand: no end token is added to them.</param>
/// <param name="RejectedIds">Token ids of the worse completion, complete as they stand.</param>
public sealed record PreferenceExample(string Prompt, string Chosen, string Rejected,
    int[]? PromptIds = null, int[]? ChosenIds = null, int[]? RejectedIds = null);

/// <summary>A prompt with a completion that is wanted or not.</summary>
/// <param name="Prompt">Text of the prompt.</param>
/// <param name="Completion">Text of the completion, without an end token.</param>
/// <param name="IsDesirable">The label.</param>
/// <param name="PromptIds">Token ids of the prompt; where given they are used instead of encoding the text.</param>
/// <param name="CompletionIds">Token ids of the completion, complete as they stand: no end token is added to them.</param>
public sealed record LabelledExample(string Prompt, string Completion, bool IsDesirable, int[]? PromptIds = null, int[]? CompletionIds = null);
