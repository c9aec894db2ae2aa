using System.Globalization;
using System.Text;
using Gimbal.Cli.Compare;

namespace Gimbal.Cli.Report;

/// <summary><c>report.html</c> of <c>gimbal compare</c>.</summary>
internal static class CompareReport
{
    /// <summary>The page.</summary>
    /// <param name="result">What was found.</param>
    /// <param name="configuration">Text of <c>run.yaml</c>.</param>
    /// <param name="made">When.</param>
    public static string Render(CompareResult result, string configuration, DateTimeOffset made)
    {
        StringBuilder body = new();
        body.Append(Html.Section("Result", "", AccuracyChart.Render(result)));
        if (result.Notes.Count > 0)
            body.Append(Html.Section("How to read it", "", "<ul class=\"notes\">"
                + string.Concat(result.Notes.Select(note => $"<li>{Html.Escape(note)}</li>")) + "</ul>"));
        body.Append(Html.Section("Cost and outcome", $"Reward: {result.RewardMeaning}. KL is the summed log-ratio to the start per completion, " +
            "on fresh samples at temperature 1. Mismatch compares, bit for bit, the log-probability the sampler recorded with the one training computed.",
            Table(result)));
        body.Append(Html.Section("Along the way", "Every method measured alike: fresh samples of the same held-out prompts at temperature 1. " +
            "The abscissa is the share of a method's own steps; controls are dashed.", Curves(result)));
        if (result.Methods.Any(method => method.Losses.Count > 1))
            body.Append(Html.Section("Training loss", "Each as its method defines it, so that only its course can be compared. Faint: every step.", Losses(result)));
        if (result.Answers.Count > 0)
            body.Append(Html.Section("The same prompts, before and after", "Not picked: the first held-out prompts, losses included.", Answers(result)));
        body.Append(Html.Section("Configuration", "", Html.Folded("run.yaml, as resolved", configuration)));
        return Html.Page($"gimbal compare: {result.Task}", string.Create(CultureInfo.InvariantCulture,
            $"gimbal compare, seed {result.Seed}, {result.Device}, {made:d MMMM yyyy HH:mm} UTC"), body.ToString());
    }

    private static string Table(CompareResult result)
    {
        IReadOnlyList<string>[] rows = [.. result.Methods.Select(CompareTable.Cells)];
        int[] columns = [.. Enumerable.Range(0, CompareTable.Headings.Count - 1).Where(column => column == 0 || rows.Any(row => row[column] != "-"))];
        StringBuilder html = new("<div class=\"scroll\"><table class=\"dense\"><thead><tr>");
        foreach (int column in columns)
            html.Append(CultureInfo.InvariantCulture, $"<th{(CompareTable.IsText(column) ? " class=\"text\"" : "")}>{Html.Escape(CompareTable.Headings[column])}</th>");
        html.Append("</tr></thead><tbody>\n");
        for (int i = 0; i < rows.Length; i++)
        {
            html.Append("<tr>");
            foreach (int column in columns)
                html.Append(Cell(rows[i][column], column, result.Methods[i]));
            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>").ToString();
    }

    /// <summary>The first column carries what the method needed below its name; long cells break where they may.</summary>
    private static string Cell(string text, int column, MethodResult method)
    {
        if (column == 0)
            return $"<td class=\"text\"><i class=\"key k-{method.Name}\"></i>{Html.Escape(text)}<small>{Html.Escape(method.Needs)}</small></td>";
        foreach (string where in (string[])[" [", " to ", " of "])
        {
            int at = text.IndexOf(where, StringComparison.Ordinal);
            if (at > 0)
                return $"<td>{Html.Escape(text[..at])}<small>{Html.Escape(text[at..].Trim())}</small></td>";
        }

        return $"<td>{Html.Escape(text)}</td>";
    }

    private static string Curves(CompareResult result) => "<div class=\"charts\">"
        + Curve(result, "Reward", $"Mean: {result.RewardMeaning}.", point => point.Reward)
        + Curve(result, "KL to the start", "Summed log-ratio per completion, in nats.", point => point.Kl)
        + Curve(result, "Entropy", "Of the next token, mean, in nats.", point => point.Entropy)
        + Curve(result, "Length", "Mean tokens per completion, the end token included.", point => point.Length)
        + "</div>";

    private static string Curve(CompareResult result, string title, string explanation, Func<CurvePoint, double> measure) =>
        LineChart.Render(title, explanation, "% of the method's steps", [.. result.Methods.Where(method => method.Curve.Count > 0)
            .Select(method => new Series(method.Label, method.Name, [.. method.Curve.Select(point => 100 * point.Share)],
                [.. method.Curve.Select(measure)], method.IsControl))]);

    private static string Losses(CompareResult result) => "<div class=\"charts\">" + string.Concat(result.Methods
        .Where(method => method.Losses.Count > 1).Select(method =>
        {
            Series raw = new(method.Title, method.Name, [.. Enumerable.Range(1, method.Losses.Count).Select(step => (double)step)], method.Losses);
            return LineChart.Render(method.Title, "Loss per step.", "step", [raw.Smooth(Math.Max(3, method.Losses.Count / 20))], [raw]);
        })) + "</div>";

    private static string Answers(CompareResult result)
    {
        bool isShort = result.Answers.All(row => row.Answers.All(answer => answer.Text.Length <= 24));
        StringBuilder html = new("<div class=\"scroll\"><table><thead><tr><th class=\"text\">prompt</th>");
        if (result.Answers.Any(row => row.Wanted is not null))
            html.Append("<th class=\"text\">right</th>");
        foreach (Answer answer in result.Answers[0].Answers)
        {
            string title = result.Methods.FirstOrDefault(method => method.Name == answer.Method)?.Title ?? answer.Method;
            html.Append(CultureInfo.InvariantCulture, $"<th class=\"text\"><i class=\"key k-{answer.Method}\"></i>{Html.Escape(title)}</th>");
        }

        html.Append("</tr></thead><tbody>\n");
        foreach (SideBySide row in result.Answers)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"prompt{(isShort ? "" : " story")}\">{Html.Escape(row.Prompt)}</td>");
            if (row.Wanted is not null)
                html.Append(CultureInfo.InvariantCulture, $"<td class=\"answer\">{Html.Escape(row.Wanted)}</td>");
            foreach (Answer answer in row.Answers)
            {
                string mark = answer.IsRight switch { true => "<span class=\"right\">&#10003;</span> ", false => "<span class=\"wrong\">&#10007;</span> ", null => "" };
                string score = answer.Reward is { } reward ? FormattableString.Invariant($"<span class=\"score\">reward {reward:0.000}</span>") : "";
                html.Append(CultureInfo.InvariantCulture, $"<td class=\"answer{(isShort ? "" : " story")}\">{mark}{Html.Escape(answer.Text)}{score}</td>");
            }

            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>").ToString();
    }
}
