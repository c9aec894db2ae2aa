using System.Globalization;

namespace Gimbal.Cli.Compare;

/// <summary>A share of right answers, with the 95% interval of Wilson (1927), which stays within 0 and 1.</summary>
/// <param name="Hits">Right answers.</param>
/// <param name="Count">Answers.</param>
internal readonly record struct Proportion(long Hits, long Count)
{
    private const double Z = 1.959963984540054;

    /// <summary>Hits / count; NaN without answers.</summary>
    public double Value => (double)Hits / Count;

    /// <summary>Lower end of the interval.</summary>
    public double Low => Centre - HalfWidth;

    /// <summary>Upper end of the interval.</summary>
    public double High => Centre + HalfWidth;

    private double Centre => (Value + (Z * Z / (2 * Count))) / (1 + (Z * Z / Count));

    private double HalfWidth =>
        Z / (1 + (Z * Z / Count)) * Math.Sqrt((Value * (1 - Value) / Count) + (Z * Z / (4.0 * Count * Count)));

    /// <summary>As in <c>76.6% [72.7, 80.1]</c>.</summary>
    public override string ToString() => Count == 0 ? "-"
        : string.Create(CultureInfo.InvariantCulture, $"{100 * Value:0.0}% [{100 * Low:0.0}, {100 * High:0.0}]");
}
