namespace Gimbal.Training;

/// <summary>One prompt with one sampled completion, as a reward sees it.</summary>
public sealed class Sample
{
    /// <summary>Text of the prompt.</summary>
    public required string Prompt { get; init; }

    /// <summary>Text of the completion, without special tokens.</summary>
    public required string Completion { get; init; }

    /// <summary>Token ids of the prompt; empty where only text is at hand.</summary>
    public ReadOnlyMemory<int> PromptIds { get; init; }

    /// <summary>Token ids of the completion, its end token included; empty where only text is at hand.</summary>
    public ReadOnlyMemory<int> CompletionIds { get; init; }

    /// <summary>Whether the completion closed with an end token, rather than at the length limit.</summary>
    public bool Ended { get; init; } = true;

    /// <summary>Further columns of the prompt's row: strings as they are, other values as JSON text. Null where it has none.</summary>
    public IReadOnlyDictionary<string, string>? Columns { get; init; }

    /// <summary>Value of a further column of the prompt's row.</summary>
    /// <exception cref="GimbalException">The row has no such column; the message lists those it has.</exception>
    public string Column(string name)
    {
        if (Columns is not null && Columns.TryGetValue(name, out string? value))
        {
            return value;
        }

        string known = Columns is null or { Count: 0 }
            ? "the row has no further columns"
            : $"the row has {string.Join(", ", Columns.Keys.Order(StringComparer.Ordinal).Select(key => $"'{key}'"))}";
        throw new GimbalException($"no column '{name}': {known}. Add the column to the prompts or correct its name in the reward.");
    }
}
