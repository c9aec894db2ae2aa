using System.Text;

namespace Gimbal.Training;

/// <summary>Writes a configuration in full, as <c>run.yaml</c> holds it.</summary>
public static class OptionsYaml
{
    /// <summary>The keys in groups, each with its value and, as a comment, its meaning.</summary>
    public static string Write(OptionLayers layers)
    {
        StringBuilder text = new();
        string[] open = [];
        foreach (OptionKey key in InGroups(layers.Keys))
        {
            string[] parts = key.Name.Split('.');
            int shared = 0;
            while (shared < parts.Length - 1 && shared < open.Length && parts[shared] == open[shared])
                shared++;
            for (int depth = shared; depth < parts.Length - 1; depth++)
                text.Append(' ', 2 * depth).Append(parts[depth]).Append(":\n");
            open = parts[..^1];
            string line = $"{new string(' ', 2 * open.Length)}{parts[^1]}: {Scalar(key)}";
            text.Append(line.PadRight(36)).Append("  # ").Append(key.Meaning).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Keys of one group side by side, its own values before its sub-groups: a YAML group may not be opened twice.</summary>
    private static IEnumerable<OptionKey> InGroups(IReadOnlyList<OptionKey> keys) =>
        keys.GroupBy(key => key.Name.Split('.')[0]).SelectMany(group => group.GroupBy(key => Parent(key.Name))
            .OrderBy(sub => sub.Key.Count(letter => letter == '.')).SelectMany(sub => sub));

    private static string Parent(string name) => name.LastIndexOf('.') is >= 0 and int dot ? name[..dot] : "";

    private static string Scalar(OptionKey key)
    {
        string text = key.Text;
        if (!key.IsText)
            return text;
        return text.Length == 0 ? "null" : $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }
}
