using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>Orthogonal initial weights (Saxe et al. 2014).</summary>
internal static class OrthogonalInitializer
{
    /// <summary>
    /// A random matrix (rows, columns) of the uniform distribution over those with W W^T = gain^2 I or, if it has more rows than
    /// columns, W^T W = gain^2 I: Gram-Schmidt in double over normal vectors, twice, so that they are orthogonal to rounding.
    /// </summary>
    /// <param name="rows">Outputs of the layer.</param>
    /// <param name="columns">Inputs of the layer.</param>
    /// <param name="gain">Length of every vector.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="purpose">Of the Philox draws; another one for every matrix.</param>
    public static float[] Create(int rows, int columns, double gain, ulong seed, uint purpose)
    {
        int count = Math.Min(rows, columns), length = Math.Max(rows, columns);
        float[] normal = new float[count * length];
        Philox.Normal(normal, 1, seed, purpose);
        double[] vectors = [.. normal.Select(value => (double)value)];
        for (int i = 0; i < count; i++)
        {
            Span<double> vector = vectors.AsSpan(i * length, length);
            for (int earlier = 0; earlier < 2 * i; earlier++)
            {
                Subtract(vector, vectors.AsSpan(earlier % i * length, length));
            }

            double norm = Math.Sqrt(Dot(vector, vector));
            foreach (ref double value in vector)
            {
                value /= norm;
            }
        }

        float[] weights = new float[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                int place = rows <= columns ? row * length + column : column * length + row;
                weights[row * columns + column] = (float)(gain * vectors[place]);
            }
        }

        return weights;
    }

    private static void Subtract(Span<double> vector, ReadOnlySpan<double> unit)
    {
        double projection = Dot(vector, unit);
        for (int i = 0; i < vector.Length; i++)
        {
            vector[i] -= projection * unit[i];
        }
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
