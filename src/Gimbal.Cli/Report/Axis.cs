using System.Globalization;

namespace Gimbal.Cli.Report;

/// <summary>A linear axis with ticks at round numbers (steps of 1, 2 or 5 times a power of ten).</summary>
internal sealed class Axis
{
    private readonly double step;

    /// <summary>An axis that holds every finite value.</summary>
    /// <param name="values">What it must hold.</param>
    /// <param name="ticks">Ticks wanted, roughly.</param>
    /// <param name="isTight">True: ends where the values end; false: ends on ticks.</param>
    public Axis(IEnumerable<double> values, int ticks, bool isTight)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (double value in values)
        {
            if (double.IsFinite(value))
                (least, most) = (Math.Min(least, value), Math.Max(most, value));
        }

        if (!double.IsFinite(least))
            (least, most) = (0, 1);
        double span = most - least;
        if (span < 1e-12 * Math.Max(1, Math.Abs(most)))
            (least, most, span) = (least - (Math.Abs(least) * 0.5) - 1e-3, most + (Math.Abs(most) * 0.5) + 1e-3, Math.Abs(most) + 2e-3);

        // A range that comes near 0 relative to its size is drawn from 0: differences then show their true proportion.
        if (!isTight && least > 0 && least < 0.5 * most)
            (least, span) = (0, most);

        double raw = span / Math.Max(1, ticks);
        double power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        double lead = raw / power;
        step = power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
        (Low, High) = isTight ? (least, most) : (Math.Floor((least / step) + 1e-9) * step, Math.Ceiling((most / step) - 1e-9) * step);
    }

    public double Low { get; }

    public double High { get; }

    /// <summary>Ticks within the axis.</summary>
    public IEnumerable<double> Ticks
    {
        get
        {
            for (long i = (long)Math.Ceiling((Low / step) - 1e-9); i * step <= High + (1e-9 * step); i++)
                yield return i * step;
        }
    }

    /// <summary>0 at the low end, 1 at the high end.</summary>
    public double Place(double value) => (value - Low) / (High - Low);

    /// <summary>A tick's label, with as many decimals as the step needs.</summary>
    public string Label(double tick)
    {
        double size = Math.Max(Math.Abs(Low), Math.Abs(High));
        if (size >= 10_000)
            return Short(tick);
        if (Math.Abs(tick) < step / 2)
            tick = 0;
        int decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step) - 1e-9), 0, 9);
        if (decimals <= 4)
            return tick.ToString("F" + decimals, CultureInfo.InvariantCulture);
        int digits = Math.Clamp((int)Math.Ceiling(Math.Log10(size / step)), 1, 9);
        return tick == 0 ? "0" : tick.ToString($"0.{new string('#', digits)}e0", CultureInfo.InvariantCulture);
    }

    private static string Short(double value) => Math.Abs(value) >= 1e6 ? (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M"
        : Math.Abs(value) >= 1e3 ? (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k" : value.ToString("0.##", CultureInfo.InvariantCulture);
}
