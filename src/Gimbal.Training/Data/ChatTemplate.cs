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
            text.Append(role switch
            {
                "system" => "",
                "user" => "User: ",
                "assistant" => "Assistant: ",
                _ => throw new ArgumentException($"role '{role}' is none of {string.Join(", ", Roles)}", nameof(messages)),
            }).Append(content).Append("\n\n");
        }

        return text.Append("Assistant:").ToString();
    }

    /// <summary>The completion that an assistant's answer becomes.</summary>
    public static string Completion(string content) => " " + content;
}
