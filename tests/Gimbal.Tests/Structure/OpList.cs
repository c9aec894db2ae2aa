using System.Text.RegularExpressions;

namespace Gimbal.Tests.Structure;

/// <summary>The list of ops, from native/src/ops.def.</summary>
internal static partial class OpList
{
    /// <summary>Ops in the order of the list; backwards are entries of their own op.</summary>
    public static IReadOnlyList<(string Name, bool HasBackward)> Read()
    {
        string text = Repository.Read("native/src/ops.def");
        HashSet<string> backwards = [.. Backward().Matches(text).Select(m => m.Groups[1].Value)];
        return [.. Op().Matches(text).Select(m => (m.Groups[1].Value, backwards.Contains(m.Groups[1].Value)))];
    }

    /// <summary><c>logprob_gather</c> is <c>LogprobGather</c> in C#, and nothing else.</summary>
    public static string Pascal(string name) =>
        string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

    [GeneratedRegex(@"^GB_OP\((\w+)\)", RegexOptions.Multiline)]
    private static partial Regex Op();

    [GeneratedRegex(@"^GB_BACKWARD\((\w+)\)", RegexOptions.Multiline)]
    private static partial Regex Backward();
}
