namespace Gimbal.Tests;

/// <summary>Functions in double that the framework lacks.</summary>
internal static class ReferenceMath
{
    /// <summary>
    /// The error function: Maclaurin's series below 3 (terms up to e^9 lose four digits, twelve are left), the continued
    /// fraction of erfc above.
    /// </summary>
    public static double Erf(double x)
    {
        double a = Math.Abs(x);
        if (double.IsNaN(x) || a > 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }

        if (a < 3)
        {
            double term = x, sum = x;
            for (int n = 1; Math.Abs(term) > 1e-18; n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }

            return 2 / Math.Sqrt(Math.PI) * sum;
        }

        double tail = a;
        for (int n = 60; n >= 1; n--)
        {
            tail = a + n / 2.0 / tail;
        }

        return Math.CopySign(1 - Math.Exp(-a * a) / (Math.Sqrt(Math.PI) * tail), x);
    }

    /// <summary>Distance in units in the last place of a float32 of the reference's size.</summary>
    public static double Ulps(double reference, float actual)
    {
        if (double.IsNaN(reference) || Math.Abs(reference) > float.MaxValue)
        {
            bool same = double.IsNaN(reference) ? float.IsNaN(actual) : actual == (float)reference;
            return same ? 0 : double.PositiveInfinity;
        }

        int exponent = reference == 0 ? -126 : Math.Max(-126, Math.ILogB(reference));
        return Math.Abs(actual - reference) / Math.ScaleB(1, exponent - 23);
    }
}
