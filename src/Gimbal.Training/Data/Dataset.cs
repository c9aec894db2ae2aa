using System.Collections;

namespace Gimbal.Training;

/// <summary>Rows held in memory, in the order of their source; <see cref="DataOrder"/> shuffles them.</summary>
/// <typeparam name="T">The row.</typeparam>
public abstract class Dataset<T> : IReadOnlyList<T>
{
    private readonly T[] rows;

    private protected Dataset(IEnumerable<T> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        this.rows = [.. rows];
        if (this.rows.Length == 0)
        {
            throw new GimbalException($"{GetType().Name}: no rows; a dataset needs at least one");
        }
    }

    /// <summary>Number of rows, at least one.</summary>
    public int Count => rows.Length;

    /// <summary>Row by position.</summary>
    public T this[int index] => rows[index];

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)rows).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Prompts for the trainers that sample their own completions.</summary>
/// <param name="rows">At least one row.</param>
/// <exception cref="GimbalException">There are no rows.</exception>
public sealed class PromptDataset(IEnumerable<PromptExample> rows) : Dataset<PromptExample>(rows)
{
    /// <summary>
    /// Reads <c>{"prompt": ...}</c> lines; <c>prompt</c> is a text or a list of messages, or <c>messages</c> stands in its place.
    /// <c>prompt_ids</c> gives token ids; every other key becomes a column.
    /// </summary>
    /// <exception cref="InvalidFileException">Names the file, the line and what was expected there.</exception>
    public static PromptDataset FromJsonl(string path) => new(JsonlRow.ReadAll(path, row =>
        new PromptExample(row.Prompt(), row.OptionalIds("prompt_ids"), row.FurtherColumns("prompt", "messages", "prompt_ids"))));
}

/// <summary>Completions to imitate.</summary>
/// <param name="rows">At least one row.</param>
/// <exception cref="GimbalException">There are no rows.</exception>
public sealed class CompletionDataset(IEnumerable<CompletionExample> rows) : Dataset<CompletionExample>(rows)
{
    /// <summary>
    /// Reads lines of one of three shapes: <c>{"prompt", "completion"}</c>, where each is a text or a list of messages;
    /// <c>{"messages"}</c>, whose last message, the assistant's, is the completion; <c>{"text"}</c>, learnt as a whole.
    /// <c>prompt_ids</c> and <c>completion_ids</c> give token ids; other keys are passed over.
    /// </summary>
    /// <exception cref="InvalidFileException">Names the file, the line and what was expected there.</exception>
    public static CompletionDataset FromJsonl(string path) => new(JsonlRow.ReadAll(path, row =>
        row.PromptAndCompletion() with { PromptIds = row.OptionalIds("prompt_ids"), CompletionIds = row.OptionalIds("completion_ids") }));
}

/// <summary>Pairs of a better and a worse completion.</summary>
/// <param name="rows">At least one row.</param>
/// <exception cref="GimbalException">There are no rows.</exception>
public sealed class PreferenceDataset(IEnumerable<PreferenceExample> rows) : Dataset<PreferenceExample>(rows)
{
    /// <summary>
    /// Reads <c>{"prompt", "chosen", "rejected"}</c> lines, where each is a text or a list of messages.
    /// <c>prompt_ids</c>, <c>chosen_ids</c> and <c>rejected_ids</c> give token ids; other keys are passed over.
    /// </summary>
    /// <exception cref="InvalidFileException">Names the file, the line and what was expected there.</exception>
    public static PreferenceDataset FromJsonl(string path) => new(JsonlRow.ReadAll(path, row =>
        new PreferenceExample(row.Prompt(), row.Completion("chosen"), row.Completion("rejected"),
            row.OptionalIds("prompt_ids"), row.OptionalIds("chosen_ids"), row.OptionalIds("rejected_ids"))));
}

/// <summary>Completions with a label each, desirable or not.</summary>
/// <param name="rows">At least one row.</param>
/// <exception cref="GimbalException">There are no rows.</exception>
public sealed class LabelledDataset(IEnumerable<LabelledExample> rows) : Dataset<LabelledExample>(rows)
{
    /// <summary>
    /// Reads <c>{"prompt", "completion", "label"}</c> lines; prompt and completion are texts or lists of messages, the label is
    /// true or false. <c>prompt_ids</c> and <c>completion_ids</c> give token ids; other keys are passed over.
    /// </summary>
    /// <exception cref="InvalidFileException">Names the file, the line and what was expected there.</exception>
    public static LabelledDataset FromJsonl(string path) => new(JsonlRow.ReadAll(path, row =>
        new LabelledExample(row.Prompt(), row.Completion("completion"), row.Flag("label"), row.OptionalIds("prompt_ids"), row.OptionalIds("completion_ids"))));

    /// <summary>Both sides of each pair: the chosen ones are desirable, the rejected ones not.</summary>
    public static LabelledDataset FromPairs(PreferenceDataset pairs) => new(pairs.SelectMany(pair => new[]
    {
        new LabelledExample(pair.Prompt, pair.Chosen, true, pair.PromptIds, pair.ChosenIds),
        new LabelledExample(pair.Prompt, pair.Rejected, false, pair.PromptIds, pair.RejectedIds),
    }));
}
