using System.Globalization;
using System.Text;

namespace Gimbal.Cli.Report;

/// <summary>A line chart as inline SVG; colours and fonts come from the page's style sheet.</summary>
internal static class LineChart
{
    private const double Width = 560, Height = 270, Left = 50, Top = 10, Bottom = 36;
    private const double PlotHeight = Height - Top - Bottom;
    private const double LabelHeight = 13;

    /// <summary>Draws the lines with a label at the end of each.</summary>
    /// <param name="title">What is drawn, for the heading and for readers of the page who cannot see it.</param>
    /// <param name="explanation">One sentence below the title.</param>
    /// <param name="xLabel">Name of the abscissa.</param>
    /// <param name="lines">The lines.</param>
    /// <param name="shadows">Drawn faintly behind, without labels, as the raw values behind a smoothed line.</param>
    public static string Render(string title, string explanation, string xLabel, IReadOnlyList<Series> lines, IReadOnlyList<Series>? shadows = null)
    {
        Series[] all = [.. lines, .. shadows ?? []];
        Axis x = new(all.SelectMany(series => series.X), 5, isTight: true);
        Axis y = new(all.SelectMany(series => series.Y), 5, isTight: false);

        bool isLabelled = lines.Count > 1;
        Plane plane = new(x, y, Width - Left - (isLabelled ? 96 : 14));

        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"<figure class=\"chart\"><figcaption><b>{Html.Escape(title)}</b> <span>{Html.Escape(explanation)}</span></figcaption>");
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Html.Escape(title + ": " + explanation)}\">");
        foreach (double tick in y.Ticks)
        {
            double height = plane.Y(tick);
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Left + plane.Width}\" y1=\"{height:0.#}\" y2=\"{height:0.#}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"tick\" text-anchor=\"end\" x=\"{Left - 7}\" y=\"{height + 4:0.#}\">{y.Label(tick)}</text>");
        }

        foreach (double tick in x.Ticks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"tick\" text-anchor=\"middle\" x=\"{plane.X(tick):0.#}\" y=\"{Top + PlotHeight + 17}\">{x.Label(tick)}</text>");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"axis\" x1=\"{Left}\" x2=\"{Left + plane.Width}\" y1=\"{Top + PlotHeight}\" y2=\"{Top + PlotHeight}\"/>");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"tick\" text-anchor=\"middle\" x=\"{Left + (plane.Width / 2)}\" y=\"{Height - 3}\">{Html.Escape(xLabel)}</text>");
        foreach (Series shadow in shadows ?? [])
            AppendPath(svg, shadow, plane, "shadow");
        foreach (Series line in lines)
            AppendPath(svg, line, plane, line.IsDashed ? "line dashed" : "line");
        if (isLabelled)
            AppendLabels(svg, lines, plane);
        return svg.Append("</svg></figure>\n").ToString();
    }

    private static void AppendPath(StringBuilder svg, Series series, Plane plane, string kind)
    {
        StringBuilder path = new();
        bool isPenDown = false;
        int points = 0;
        for (int i = 0; i < series.X.Count; i++)
        {
            if (!double.IsFinite(series.Y[i]))
            {
                isPenDown = false;
                continue;
            }

            path.Append(CultureInfo.InvariantCulture, $"{(isPenDown ? 'L' : 'M')}{plane.X(series.X[i]):0.#} {plane.Y(series.Y[i]):0.#}");
            isPenDown = true;
            points++;
        }

        if (points == 0)
            return;
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"{kind} s-{series.Color}\" d=\"{path}\"/>");
        if (kind == "shadow" || points > 40)
            return;
        for (int i = 0; i < series.X.Count; i++)
        {
            if (double.IsFinite(series.Y[i]))
            {
                svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot f-{series.Color}\" cx=\"{plane.X(series.X[i]):0.#}\" cy=\"{plane.Y(series.Y[i]):0.#}\" r=\"2.6\">");
                svg.Append(CultureInfo.InvariantCulture, $"<title>{Html.Escape(series.Name)}: {series.Y[i]:0.####} at {series.X[i]:0.##}</title></circle>");
            }
        }
    }

    /// <summary>Each label at its line's last value, pushed apart where they would overlap.</summary>
    private static void AppendLabels(StringBuilder svg, IReadOnlyList<Series> lines, Plane plane)
    {
        (Series Line, double At, double X)[] labels = [.. lines
            .Select(line => (Line: line, Last: LastFinite(line)))
            .Where(pair => pair.Last >= 0)
            .Select(pair => (pair.Line, plane.Y(pair.Line.Y[pair.Last]), plane.X(pair.Line.X[pair.Last])))
            .OrderBy(label => label.Item2)];
        double[] places = [.. labels.Select(label => label.At)];
        for (int i = 1; i < places.Length; i++)
            places[i] = Math.Max(places[i], places[i - 1] + LabelHeight);
        double bottom = Top + PlotHeight;
        for (int i = places.Length - 1; i >= 0 && places[i] > bottom; i--, bottom -= LabelHeight)
            places[i] = bottom;
        for (int i = 0; i < labels.Length; i++)
        {
            if (Math.Abs(places[i] - labels[i].At) > 4)
                svg.Append(CultureInfo.InvariantCulture, $"<line class=\"lead\" x1=\"{labels[i].X + 4:0.#}\" y1=\"{labels[i].At:0.#}\" x2=\"{Left + plane.Width + 10}\" y2=\"{places[i]:0.#}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"label t-{labels[i].Line.Color}\" x=\"{Left + plane.Width + 12}\" y=\"{places[i] + 4:0.#}\">{Html.Escape(labels[i].Line.Name)}</text>");
        }
    }

    private static int LastFinite(Series line)
    {
        for (int i = line.Y.Count - 1; i >= 0; i--)
        {
            if (double.IsFinite(line.Y[i]))
                return i;
        }

        return -1;
    }

    /// <summary>Places values within the drawing.</summary>
    private readonly record struct Plane(Axis XAxis, Axis YAxis, double Width)
    {
        public double X(double value) => Left + (Width * XAxis.Place(value));

        public double Y(double value) => Top + (PlotHeight * (1 - YAxis.Place(value)));
    }
}
