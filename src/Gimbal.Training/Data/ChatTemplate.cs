using System.Text;

namespace Gimbal.Training;

/// <summary>
/// The plain-text template by which messages become a prompt and a completion:
/// a system message is its content, a user's <c>User: content</c>, an assistant's <c>Assistant: content</c>, each followed by a
/// blank line; a prompt ends with <c>Assistant:</c> and its completion begins with a space.
/// </summary>
/// <remarks>The space belongs to the completion, since byte-pair tokenizers join it with the word that follows.</remarks>
public static class ChatTemplate
{
    private const string Separator = "\n\n";

    /// <summary>The roles that a message may have.</summary>
    public static IReadOnlyList<string> Roles { get; } = ["system", "user", "assistant"];

    /// <summary>Flattens the messages that stand before an assistant's answer.</summary>
    /// <param name="messages">Roles, each one of <see cref="Roles"/>, with contents.</param>
    public static string Prompt(IReadOnlyList<(string Role, string Content)> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        StringBuilder text = new();
        foreach ((string role, string content) in messages)
        {
            text.Append(Opening(role)).Append(role == "assistant" ? Completion(content) : content).Append(Separator);
        }

        return text.Append(Opening("assistant")).ToString();
    }

    /// <summary>
    /// A dialogue as the texts that are read and, in turn with them, the assistant's that are learnt. Joined they are the prompt and
    /// the completion of the last turn.
    /// </summary>
    /// <param name="messages">The last one is the assistant's.</param>
    public static IReadOnlyList<ChatPiece> Pieces(IReadOnlyList<(string Role, string Content)> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        List<ChatPiece> pieces = [];
        StringBuilder read = new();
        foreach ((string role, string content) in messages)
        {
            read.Append(Opening(role));
            if (role == "assistant")
            {
                pieces.Add(new ChatPiece(read.ToString(), IsLearnt: false));
                pieces.Add(new ChatPiece(Completion(content), IsLearnt: true));
                read.Clear();
            }
            else
            {
                read.Append(content);
            }

            read.Append(Separator);
        }

        return pieces;
    }

    /// <summary>The completion that an assistant's answer becomes.</summary>
    public static string Completion(string content) => " " + content;

    private static string Opening(string role) => role switch
    {
        "system" => "",
        "user" => "User: ",
        "assistant" => "Assistant:",
        _ => throw new ArgumentException($"role '{role}' is none of {string.Join(", ", Roles)}", nameof(role)),
    };
}

/// <summary>A part of a dialogue.</summary>
/// <param name="Text">What stands there.</param>
/// <param name="IsLearnt">True for what the assistant says.</param>
public readonly record struct ChatPiece(string Text, bool IsLearnt);
