using System.Globalization;
using Spectre.Console;

namespace Gimbal.Cli.Compare;

/// <summary>The table that <c>gimbal compare</c> prints.</summary>
internal static class CompareTable
{
    /// <summary>Column headings and, per method, the cells: shared by the console and the report.</summary>
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

    /// <summary>Prints the table. What each method needed stands below it: a terminal has no room for prose in columns.</summary>
    public static void Write(IAnsiConsole console, CompareResult result)
    {
        Table table = new() { Border = TableBorder.Simple, Title = new TableTitle($"{result.Task}, seed {result.Seed}, {result.Device}") };
        int[] columns = [.. Enumerable.Range(0, NeedsColumn).Where(column => column == 0 || result.Methods.Any(method => Cells(method)[column] != "-"))];
        foreach (int column in columns)
            table.AddColumn(new TableColumn(Headings[column]) { Alignment = IsText(column) ? Justify.Left : Justify.Right, NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        foreach (MethodResult method in result.Methods)
            table.AddRow(columns.Select(column => new Text(Cells(method)[column])));
        console.Write(table);
        if (result.AccuracyMeaning.Length > 0)
            console.WriteLine($"before, after: share of {result.AccuracyMeaning}, with its 95% interval.");
        console.WriteLine($"reward: {result.RewardMeaning}. KL / seq: summed log-ratio to the start, on fresh samples at temperature 1.");
        console.WriteLine($"needed: {string.Join("; ", result.Methods.Select(method => $"{method.Label} {method.Needs}"))}.");
        foreach (string note in result.Notes)
            console.WriteLine(note);
    }

    /// <summary>True for a column of words, which is set from the left.</summary>
    public static bool IsText(int column) => column == 0 || column == NeedsColumn;

    private static int NeedsColumn => Headings.Count - 1;

    /// <summary>A whole number with its thousands apart.</summary>
    public static string Whole(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in MiB or GiB.</summary>
    public static string Bytes(long value) => value >= 1L << 30 ? Invariant($"{(double)value / (1L << 30):0.00} GiB")
        : Invariant($"{(double)value / (1L << 20):0.0} MiB");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
