namespace Gimbal.Cli.Report;

/// <summary>A line of a chart.</summary>
/// <param name="Name">Its label.</param>
/// <param name="Color">Its colour class, as in <c>grpo</c> or <c>c0</c>.</param>
/// <param name="X">Abscissae, ascending.</param>
/// <param name="Y">Ordinates; a NaN leaves a gap.</param>
/// <param name="IsDashed">True for a control.</param>
internal sealed record Series(string Name, string Color, IReadOnlyList<double> X, IReadOnlyList<double> Y, bool IsDashed = false)
{
    /// <summary>The centred moving average over about <paramref name="width"/> points, shorter at the ends.</summary>
    public Series Smooth(int width)
    {
        double[] y = new double[Y.Count];
        int half = width / 2;
        for (int i = 0; i < y.Length; i++)
        {
            int reach = Math.Min(half, Math.Min(i, y.Length - 1 - i));
            double sum = 0;
            int count = 0;
            for (int j = i - reach; j <= i + reach; j++)
            {
                if (double.IsFinite(Y[j]))
                {
                    sum += Y[j];
                    count++;
                }
            }

            y[i] = count > 0 ? sum / count : double.NaN;
        }

        return this with { Y = y };
    }
}
