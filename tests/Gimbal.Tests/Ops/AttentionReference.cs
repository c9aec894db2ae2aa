namespace Gimbal.Tests;

/// <summary>Causal grouped-query attention of one sequence and its gradients, as the plain formulas in double.</summary>
internal sealed class AttentionReference
{
    private readonly int length, heads, keyHeads, headDim;
    private readonly double[] q, k, v;
    private readonly double scale;

    public AttentionReference(ReadOnlySpan<float> q, ReadOnlySpan<float> k, ReadOnlySpan<float> v, int length, int heads,
        int keyHeads, int headDim, double scale)
    {
        (this.length, this.heads, this.keyHeads, this.headDim, this.scale) = (length, heads, keyHeads, headDim, scale);
        (this.q, this.k, this.v) = (Wide(q), Wide(k), Wide(v));
        Y = new double[q.Length];
        Lse = new double[length * heads];
        for (int i = 0; i < length; i++)
        {
            for (int h = 0; h < heads; h++)
            {
                double[] p = Probabilities(i, h, out Lse[i * heads + h]);
                for (int j = 0; j <= i; j++)
                {
                    for (int d = 0; d < headDim; d++)
                    {
                        Y[Query(i, h) + d] += p[j] * this.v[Key(j, h) + d];
                    }
                }
            }
        }
    }

    public double[] Y { get; }

    public double[] Lse { get; }

    public (double[] Dq, double[] Dk, double[] Dv) Backward(ReadOnlySpan<float> gradient)
    {
        double[] dy = Wide(gradient), dq = new double[q.Length], dk = new double[k.Length], dv = new double[v.Length];
        for (int i = 0; i < length; i++)
        {
            for (int h = 0; h < heads; h++)
            {
                double[] p = Probabilities(i, h, out _);
                double dot = Dot(dy, Query(i, h), Y, Query(i, h));
                for (int j = 0; j <= i; j++)
                {
                    double ds = scale * p[j] * (Dot(dy, Query(i, h), v, Key(j, h)) - dot);
                    for (int d = 0; d < headDim; d++)
                    {
                        dv[Key(j, h) + d] += p[j] * dy[Query(i, h) + d];
                        dq[Query(i, h) + d] += ds * k[Key(j, h) + d];
                        dk[Key(j, h) + d] += ds * q[Query(i, h) + d];
                    }
                }
            }
        }

        return (dq, dk, dv);
    }

    private static double[] Wide(ReadOnlySpan<float> values)
    {
        double[] wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }

    private int Query(int i, int h) => (i * heads + h) * headDim;

    private int Key(int j, int h) => (j * keyHeads + h / (heads / keyHeads)) * headDim;

    private double Dot(double[] a, int at, double[] b, int bt)
    {
        double sum = 0;
        for (int d = 0; d < headDim; d++)
        {
            sum += a[at + d] * b[bt + d];
        }

        return sum;
    }

    private double[] Probabilities(int i, int h, out double lse)
    {
        double[] p = new double[i + 1];
        for (int j = 0; j <= i; j++)
        {
            p[j] = scale * Dot(q, Query(i, h), k, Key(j, h));
        }

        double maximum = p.Max(), sum = p.Sum(s => Math.Exp(s - maximum));
        lse = maximum + Math.Log(sum);
        for (int j = 0; j <= i; j++)
        {
            p[j] = Math.Exp(p[j] - maximum) / sum;
        }

        return p;
    }
}
