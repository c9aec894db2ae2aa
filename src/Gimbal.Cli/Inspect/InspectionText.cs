using System.Globalization;

namespace Gimbal.Cli.Inspect;

/// <summary>An inspection as lines of text; the report's section has the same content.</summary>
internal static class InspectionText
{
    private const int Longest = 100;

    public static void Write(TextWriter output, Inspection inspection)
    {
        output.WriteLine(FormattableString.Invariant($"{inspection.Steps} steps"));
        foreach (Course course in inspection.Courses)
            output.WriteLine($"{course.Name}: {Values(course)}");
        foreach ((string name, double share, double mean) in inspection.RewardParts)
            output.WriteLine(FormattableString.Invariant($"reward {name}: {100 * share:0.0}% of the sizes of all rewards, mean {mean:0.000}"));
        Samples(output, "highest advantage", inspection.Highest);
        Samples(output, "lowest advantage", inspection.Lowest);
    }

    /// <summary>First and last fifth, with those between.</summary>
    public static string Values(Course course)
    {
        string[] values = [.. course.Fifths.Select(value => value.ToString("0.###", CultureInfo.InvariantCulture))];
        return values.Length == 1 ? values[0]
            : string.Create(CultureInfo.InvariantCulture, $"{string.Join(" > ", values)} (last less first {course.Fifths[^1] - course.Fifths[0]:+0.###;-0.###;0})");
    }

    private static void Samples(TextWriter output, string heading, IReadOnlyList<InspectedSample> samples)
    {
        if (samples.Count == 0)
            return;
        output.WriteLine($"{heading}:");
        foreach (InspectedSample sample in samples)
            output.WriteLine(FormattableString.Invariant(
                $"  {sample.Advantage,8:0.000}  reward {sample.Reward?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-",7}  step {sample.Step,-6} {Short(sample.Prompt)} -> {Short(sample.Completion)}"));
    }

    private static string Short(string text)
    {
        string line = text.ReplaceLineEndings("\\n");
        return line.Length <= Longest ? line : line[..Longest] + "...";
    }
}
