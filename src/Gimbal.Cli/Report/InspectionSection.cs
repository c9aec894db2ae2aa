using System.Globalization;
using System.Text;
using Gimbal.Cli.Inspect;
using Gimbal.Training;

namespace Gimbal.Cli.Report;

/// <summary>What <c>gimbal inspect</c> found, as a section of <c>report.html</c>: put in at the end of the page, or in place of an older one.</summary>
internal static class InspectionSection
{
    private const string Begin = "<div id=\"inspection\">", End = "</div><!-- inspection -->\n", PageEnd = "</main>";

    /// <summary>Writes the section into a run's report; a run that has none yet gets a page with the section alone.</summary>
    public static void WriteInto(string run, Inspection inspection)
    {
        string path = Path.Combine(run, "report.html"), section = Render(inspection);
        string page = File.Exists(path) ? File.ReadAllText(path) : "";
        int begin = page.IndexOf(Begin, StringComparison.Ordinal), end = page.IndexOf(End, StringComparison.Ordinal);
        int last = page.LastIndexOf(PageEnd, StringComparison.Ordinal);
        AtomicFile.WriteText(path, begin >= 0 && end > begin ? string.Concat(page.AsSpan(0, begin), section, page.AsSpan(end + End.Length))
            : last >= 0 ? page.Insert(last, section)
            : Html.Page($"gimbal {RunFolder.ReadHeader(run).Command}", Path.GetFileName(Path.TrimEndingDirectorySeparator(run)), section));
    }

    /// <summary>The section.</summary>
    public static string Render(Inspection inspection)
    {
        StringBuilder html = new();
        if (inspection.Courses.Count > 0)
            html.Append(Table(["", "by fifths of the run"], inspection.Courses.Select(course => new[] { course.Name, InspectionText.Values(course) })));
        if (inspection.RewardParts.Count > 0)
            html.Append(Table(["reward", "share of sizes", "mean"], inspection.RewardParts.Select(part => new[] { part.Name, Number(100 * part.Share, "0.0") + "%", Number(part.Mean, "0.000") })));
        foreach ((string heading, IReadOnlyList<InspectedSample> samples) in new[] { ("highest advantage", inspection.Highest), ("lowest advantage", inspection.Lowest) })
        {
            if (samples.Count > 0)
                html.Append(Table([heading, "reward", "step", "prompt", "completion"], samples.Select(sample => new[]
                {
                    Number(sample.Advantage, "0.000"), sample.Reward is { } reward ? Number(reward, "0.000") : "-", Number(sample.Step, "0"), sample.Prompt, sample.Completion,
                })));
        }

        return Begin + Html.Section("Inspection", $"Over {inspection.Steps} steps.", html.ToString()) + End;
    }

    private static string Table(string[] headings, IEnumerable<string[]> rows)
    {
        StringBuilder html = new("<div class=\"scroll\"><table><thead><tr>");
        foreach (string heading in headings)
            html.Append(CultureInfo.InvariantCulture, $"<th class=\"text\">{Html.Escape(heading)}</th>");
        html.Append("</tr></thead><tbody>\n");
        foreach (string[] row in rows)
            html.Append("<tr>").AppendJoin("", row.Select(cell => $"<td class=\"text\">{Html.Escape(cell)}</td>")).Append("</tr>\n");
        return html.Append("</tbody></table></div>\n").ToString();
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
