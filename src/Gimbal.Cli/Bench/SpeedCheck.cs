using System.Diagnostics;
using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>An op beside the same sums in a plain loop.</summary>
/// <param name="Operation">The op.</param>
/// <param name="Ratio">Time of the loop over time of the op, each the best of several.</param>
/// <param name="Least">What the ratio must reach: a fraction of what it is where this was written, so that only a kernel that
/// has lost its vectors, its cache blocks or its threads falls below.</param>
internal sealed record SpeedCheckResult(string Operation, double Ratio, double Least)
{
    /// <summary>True if the op is as fast as it must be.</summary>
    public bool Passes => Ratio >= Least;
}

/// <summary>A guard against a kernel that has become slow by accident: ratios on one machine, no times, in about a second.</summary>
internal static class SpeedCheck
{
    private const int Repeats = 7;

    /// <summary>Checks the ops on the CPU, one thread.</summary>
    public static IReadOnlyList<SpeedCheckResult> Run()
    {
        using Device device = Device.Open("cpu", new DeviceOptions { Threads = 1 });
        using Arena arena = new(device, 64L << 20);
        using BenchData data = new(device, arena, quick: false);
        return [Matmul(data), LogprobGather(data), Adamw(data)];
    }

    // 130 measured.
    private static SpeedCheckResult Matmul(BenchData data)
    {
        const int Size = 192;
        Tensor x = data.Normal([Size, Size]), w = data.Normal([Size, Size]), y = data.New([Size, Size]);
        float[] a = x.ToArray<float>(), b = w.ToArray<float>(), c = new float[Size * Size];
        return Compare("matmul", least: 20, () => Ops.Matmul(x, w, default, y, transB: true), () =>
        {
            for (int i = 0; i < Size; i++)
            {
                for (int j = 0; j < Size; j++)
                {
                    float sum = 0;
                    for (int k = 0; k < Size; k++)
                        sum += a[i * Size + k] * b[j * Size + k];
                    c[i * Size + j] = sum;
                }
            }
        });
    }

    // 15 measured.
    private static SpeedCheckResult LogprobGather(BenchData data)
    {
        const int Rows = 16, Vocabulary = 16384;
        Tensor logits = data.Normal([Rows, Vocabulary]), targets = data.Ids(Rows, Vocabulary), logprob = data.New([Rows]);
        float[] z = logits.ToArray<float>(), result = new float[Rows];
        int[] ids = targets.ToArray<int>();
        return Compare("logprob_gather", least: 3, () => Ops.LogprobGather(logits, targets, logprob, default, default), () =>
        {
            for (int r = 0; r < Rows; r++)
            {
                ReadOnlySpan<float> row = z.AsSpan(r * Vocabulary, Vocabulary);
                float most = float.NegativeInfinity, sum = 0;
                foreach (float value in row)
                    most = MathF.Max(most, value);
                foreach (float value in row)
                    sum += MathF.Exp(value - most);
                result[r] = row[ids[r]] - most - MathF.Log(sum);
            }
        });
    }

    // 9 measured.
    private static SpeedCheckResult Adamw(BenchData data)
    {
        const int Count = 1 << 16;
        Tensor weights = data.Normal([Count]), gradients = data.Normal([Count]), m = data.Normal([Count], 0.1f), v = data.Normal([Count], 1e-3f, 0.1f);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        state.WriteOptimizer(100, 1e-4f, 0.9f, 0.95f);
        float[] w = weights.ToArray<float>(), g = gradients.ToArray<float>(), first = m.ToArray<float>(), second = v.ToArray<float>();
        return Compare("adamw", least: 2, () => Ops.Adamw(weights, gradients, m, v, default, state.Tensor, Count, 0.9f, 0.95f, 1e-8f, 0.1f), () =>
        {
            for (int i = 0; i < Count; i++)
            {
                first[i] = 0.9f * first[i] + 0.1f * g[i];
                second[i] = 0.95f * second[i] + 0.05f * g[i] * g[i];
                w[i] -= 1e-4f * (first[i] / (MathF.Sqrt(second[i]) + 1e-8f) + 0.1f * w[i]);
            }
        });
    }

    private static SpeedCheckResult Compare(string operation, double least, Action op, Action loop) =>
        new(operation, Best(loop) / Best(op), least);

    private static double Best(Action run)
    {
        double best = double.PositiveInfinity;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            long began = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }
}
