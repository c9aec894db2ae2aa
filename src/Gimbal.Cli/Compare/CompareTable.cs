using System.Globalization;
using Spectre.Console;

namespace Gimbal.Cli.Compare;

/// <summary>The table of a comparison: as the command prints it, and the cells of the report's.</summary>
internal static class CompareTable
{
    /// <summary>Column headings of the report's table.</summary>
    public static readonly IReadOnlyList<string> Headings =
    [
        "method", "before", "after", "n", "reward", "RM held-out", "KL / seq", "samples", "tokens trained", "tokens/s", "seconds",
        "peak", "mismatch", "needs",
    ];

    /// <summary>The cells of a method, one per heading.</summary>
    public static IReadOnlyList<string> Cells(MethodResult method) =>
    [
        method.Title,
        method.AccuracyBefore?.ToString() ?? "-",
        method.AccuracyAfter?.ToString() ?? "-",
        method.AccuracyAfter is { } after ? Whole(after.Count) : "-",
        method.RewardBefore is { } start && method.RewardAfter is { } end ? Invariant($"{start:0.000} to {end:0.000}") : "-",
        method.RewardModelAccuracy is { } judge ? Invariant($"{100 * judge.Value:0.0}%") : "-",
        method.Kl is { } kl ? Invariant($"{kl:0.00}") : "-",
        Whole(method.Samples),
        Whole(method.TrainedTokens),
        Whole((long)method.TokensPerSecond),
        Invariant($"{method.Seconds:0.0}"),
        Bytes(method.PeakBytes),
        method.ComparedTokens == 0 ? "-" : Invariant($"{method.MismatchBits} bits of {Whole(method.ComparedTokens)}"),
        method.Needs,
    ];

    /// <summary>The rows on a terminal, which is narrower than the page: methods stand side by side, intervals in rows of their own.</summary>
    private static readonly (string Heading, Func<MethodResult, string> Cell)[] Rows =
    [
        ("accuracy before", method => Percent(method.AccuracyBefore)),
        ("  95% interval", method => Interval(method.AccuracyBefore)),
        ("accuracy after", method => Percent(method.AccuracyAfter)),
        ("  95% interval", method => Interval(method.AccuracyAfter)),
        ("  of n", method => method.AccuracyAfter is { } after ? Whole(after.Count) : "-"),
        ("reward before", method => method.RewardBefore is { } reward ? Invariant($"{reward:0.000}") : "-"),
        ("reward after", method => method.RewardAfter is { } reward ? Invariant($"{reward:0.000}") : "-"),
        ("KL per sequence", method => method.Kl is { } kl ? Invariant($"{kl:0.00}") : "-"),
        ("reward model right", method => Percent(method.RewardModelAccuracy)),
        ("  of held-out pairs", method => method.RewardModelAccuracy is { } judge ? Whole(judge.Count) : "-"),
        ("samples drawn", method => method.Samples > 0 ? Whole(method.Samples) : "-"),
        ("tokens trained", method => method.TrainedTokens > 0 ? Whole(method.TrainedTokens) : "-"),
        ("tokens per second", method => method.TokensPerSecond > 0 ? Whole((long)method.TokensPerSecond) : "-"),
        ("seconds", method => method.Seconds > 0 ? Invariant($"{method.Seconds:0.0}") : "-"),
        ("peak memory", method => method.PeakBytes > 0 ? Bytes(method.PeakBytes) : "-"),
        ("mismatch bits", method => method.ComparedTokens > 0 ? Whole(method.MismatchBits) : "-"),
        ("  of sampled tokens", method => method.ComparedTokens > 0 ? Whole(method.ComparedTokens) : "-"),
    ];

    /// <summary>Prints the table, then what its rows mean and what each method needed.</summary>
    public static void Write(IAnsiConsole console, CompareResult result)
    {
        Table table = new() { Border = TableBorder.Simple, Title = new TableTitle($"{result.Task}, seed {result.Seed}, {result.Device}") };
        table.AddColumn(new TableColumn(""));
        foreach (MethodResult method in result.Methods)
            table.AddColumn(new TableColumn(method.Label) { Alignment = Justify.Right, NoWrap = true });
        foreach ((string heading, Func<MethodResult, string> cell) in Rows)
        {
            string[] cells = [.. result.Methods.Select(cell)];
            if (cells.Any(text => text != "-"))
                table.AddRow([new Text(heading), .. cells.Select(text => new Text(text))]);
        }

        console.Write(table);
        if (result.AccuracyMeaning.Length > 0)
            console.WriteLine($"accuracy: share of {result.AccuracyMeaning}.");
        console.WriteLine($"reward: {result.RewardMeaning}. KL per sequence: summed log-ratio to the start, on fresh samples at temperature 1.");
        console.WriteLine($"needed: {string.Join("; ", result.Methods.Select(method => $"{method.Label} {method.Needs}"))}.");
        foreach (string note in result.Notes)
            console.WriteLine(note);
    }

    /// <summary>True for a column of words, which is set from the left.</summary>
    public static bool IsText(int column) => column == 0 || column == NeedsColumn;

    private static int NeedsColumn => Headings.Count - 1;

    private static string Percent(Proportion? share) => share is { Count: > 0 } found ? Invariant($"{100 * found.Value:0.0}%") : "-";

    private static string Interval(Proportion? share) => share is { Count: > 0 } found ? Invariant($"{100 * found.Low:0.0} to {100 * found.High:0.0}") : "-";

    /// <summary>A whole number with its thousands apart.</summary>
    public static string Whole(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in MiB or GiB.</summary>
    public static string Bytes(long value) => value >= 1L << 30 ? Invariant($"{(double)value / (1L << 30):0.00} GiB")
        : Invariant($"{(double)value / (1L << 20):0.0} MiB");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
