using System.Text.RegularExpressions;

namespace Gimbal.Models;

/// <summary>The <c>normalizer</c> of a <c>tokenizer.json</c>: what happens to text before it is split.</summary>
internal static class Normalizer
{
    /// <summary>The function that the description asks for; the identity if there is none.</summary>
    public static Func<string, string> Parse(TokenizerJson? json)
    {
        if (json is null)
        {
            return text => text;
        }

        switch (json.Type)
        {
            case "NFC":
                return UnicodeNormalization.Compose;
            case "NFD":
                return UnicodeNormalization.Decompose;
            case "Lowercase":
                return text => text.ToLowerInvariant();
            case "Strip":
                bool left = json.Flag("strip_left", true), right = json.Flag("strip_right", true);
                return text => (left, right) switch
                {
                    (true, true) => text.Trim(),
                    (true, false) => text.TrimStart(),
                    (false, true) => text.TrimEnd(),
                    _ => text,
                };
            case "Prepend":
                string prefix = json.Text("prepend") ?? throw json.Fault("has no 'prepend'.");
                return text => text.Length == 0 ? text : prefix + text;
            case "Replace":
                return ParseReplace(json);
            case "Sequence":
                Func<string, string>[] steps = [.. json.Objects("normalizers").Select(Parse)];
                return text => steps.Aggregate(text, (current, step) => step(current));
            default:
                throw json.Fault($"is of type '{json.Type}', which is not supported; supported are NFC, NFD, Lowercase, Strip, " +
                    "Prepend, Replace, Sequence.");
        }
    }

    private static Func<string, string> ParseReplace(TokenizerJson json)
    {
        string content = json.Text("content") ?? throw json.Fault("has no 'content'.");
        TokenizerJson pattern = json.Object("pattern") ?? throw json.Fault("has no 'pattern'.");
        if (pattern.Text("String") is { Length: > 0 } plain)
        {
            return text => text.Replace(plain, content, StringComparison.Ordinal);
        }

        Regex regex = SplitPatterns.Make(pattern);
        return text => regex.Replace(text, _ => content);
    }
}
