using System.Globalization;
using System.Text;
using Gimbal.Cli.Compare;

namespace Gimbal.Cli.Report;

/// <summary>The main figure: per method the judged share after training with its 95% interval, and the start as a line.</summary>
internal static class AccuracyChart
{
    private const double Width = 960, Row = 38, Left = 190, Right = 140, Top = 26;
    private const double PlotWidth = Width - Left - Right;

    /// <summary>Draws the methods that were judged; empty if none was.</summary>
    public static string Render(CompareResult result)
    {
        MethodResult[] methods = [.. result.Methods.Where(method => method.AccuracyAfter is not null)];
        if (methods.Length == 0)
            return "";
        double height = Top + (Row * methods.Length) + 30;
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"<figure class=\"chart wide\"><figcaption><b>Accuracy</b> <span>Share of {Html.Escape(result.AccuracyMeaning)}; bars with their 95% intervals, the dashed line is the common start.</span></figcaption>");
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"Accuracy of every method\">");
        for (int percent = 0; percent <= 100; percent += 20)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{X(percent):0.#}\" x2=\"{X(percent):0.#}\" y1=\"{Top - 6}\" y2=\"{height - 26}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"tick\" text-anchor=\"middle\" x=\"{X(percent):0.#}\" y=\"{height - 8}\">{percent}%</text>");
        }

        for (int i = 0; i < methods.Length; i++)
            AppendRow(svg, methods[i], Top + (Row * i));
        if (methods[^1].AccuracyBefore is { } start)
        {
            double x = X(100 * start.Value);
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"start\" x1=\"{x:0.#}\" x2=\"{x:0.#}\" y1=\"{Top - 6}\" y2=\"{height - 26}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"tick\" text-anchor=\"middle\" x=\"{x:0.#}\" y=\"{Top - 11}\">start {100 * start.Value:0.0}%</text>");
        }

        return svg.Append("</svg></figure>\n").ToString();
    }

    private static double X(double percent) => Left + (PlotWidth * percent / 100);

    private static void AppendRow(StringBuilder svg, MethodResult method, double top)
    {
        Proportion after = method.AccuracyAfter!.Value;
        double middle = top + (Row / 2), low = X(100 * after.Low), high = X(100 * after.High);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"name\" text-anchor=\"end\" x=\"{Left - 12}\" y=\"{middle + 4.5:0.#}\">{Html.Escape(method.Title)}</text>");
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"bar f-{method.Name}{(method.IsControl ? " control" : "")}\" x=\"{Left}\" y=\"{top + 8:0.#}\" width=\"{Math.Max(1, X(100 * after.Value) - Left):0.#}\" height=\"{Row - 16}\" rx=\"3\"><title>{Html.Escape(method.Title)}: {Html.Escape(after.ToString())}</title></rect>");
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"interval\" d=\"M{low:0.#} {middle:0.#}H{high:0.#}M{low:0.#} {middle - 5:0.#}v10M{high:0.#} {middle - 5:0.#}v10\"/>");
        string change = method.AccuracyBefore is { } before && before != after
            ? FormattableString.Invariant($"{100 * (after.Value - before.Value):+0.0;-0.0;0.0} points") : "";
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"value\" x=\"{high + 10:0.#}\" y=\"{middle + 4.5:0.#}\">{100 * after.Value:0.0}%<tspan class=\"change\" dx=\"7\">{change}</tspan></text>");
    }
}
