using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>What a device can do at most, measured with work that does nothing else.</summary>
/// <param name="BytesPerSecond">CPU: reading memory far larger than any cache. Else: a copy within the device, read and written.</param>
/// <param name="FlopsPerSecond">
/// CPU: fused multiply-adds in float32 on registers alone, each counting two. Else: a large matrix product of the engine's own,
/// which is a rate reached, not the limit.
/// </param>
internal readonly record struct Ceiling(double BytesPerSecond, double FlopsPerSecond)
{
    private const int Repeats = 5;

    /// <summary>Measures a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="quick">With little memory and time.</param>
    public static Ceiling Measure(Device device, bool quick) => device.CanRecord
        ? new Ceiling(CopyRate(device, quick ? 1 << 20 : 1 << 28), ProductRate(device, quick ? 64 : 4096))
        : Measure(device.Threads, quick ? 64 : 512);

    /// <summary>Measures the CPU.</summary>
    /// <param name="threads">Threads.</param>
    /// <param name="megabytes">Memory to read per thread.</param>
    public static Ceiling Measure(int threads, int megabytes)
    {
        float[][] blocks = [.. Enumerable.Range(0, threads).Select(_ => new float[megabytes << 18])];
        foreach (float[] block in blocks)
            Array.Fill(block, 1f);
        double bytes = threads * (double)megabytes * (1 << 20) / Best(threads, thread => Read(blocks[thread]));

        const int Steps = 4_000_000;
        double flops = threads * 2.0 * Steps * Chains * Lanes / Best(threads, _ => Multiply(Steps));
        return new Ceiling(bytes, flops);
    }

    /// <summary>The same for products of a type: a processor with an instruction for pairs of bfloat16 does twice as many.</summary>
    public Ceiling Of(DType dtype, Device device) =>
        dtype == DType.BFloat16 && device.InstructionSet.EndsWith("+bf16", StringComparison.Ordinal) ? this with { FlopsPerSecond = 2 * FlopsPerSecond } : this;

    private static double CopyRate(Device device, int count)
    {
        using Arena arena = new(device, 8L * count + 4096);
        Tensor from = arena.Allocate(DType.UInt8, [count]), to = arena.Allocate(DType.UInt8, [count]);
        return 2.0 * count / Best(device, () => to.CopyFrom(from));
    }

    private static double ProductRate(Device device, int size)
    {
        using Arena arena = new(device, 12L * size * size + 4096);
        Tensor a = arena.Allocate(DType.Float32, [size, size]), b = arena.Allocate(DType.Float32, [size, size]);
        Tensor c = arena.Allocate(DType.Float32, [size, size]);
        a.Clear();
        b.Clear();
        return 2.0 * size * size * size / Best(device, () => Ops.Matmul(a, b, default, c));
    }

    private static double Best(Device device, Action run)
    {
        double best = double.PositiveInfinity;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            device.Synchronize();
            long began = Stopwatch.GetTimestamp();
            run();
            device.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    private const int Chains = 12;

    private static int Lanes => Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector256<float>.Count;

    /// <summary>
    /// The shortest time that all threads need together, of several. Every thread reads the clock itself: one that waited for
    /// a processor with the others would read it late.
    /// </summary>
    private static double Best(int threads, Func<int, float> work)
    {
        double best = double.PositiveInfinity;
        float[] kept = new float[threads];
        long[] began = new long[threads], ended = new long[threads];
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            using Barrier barrier = new(threads);
            Thread[] team = [.. Enumerable.Range(0, threads).Select(thread => new Thread(() =>
            {
                barrier.SignalAndWait();
                began[thread] = Stopwatch.GetTimestamp();
                kept[thread] += work(thread);
                ended[thread] = Stopwatch.GetTimestamp();
            }))];
            foreach (Thread thread in team)
                thread.Start();
            foreach (Thread thread in team)
                thread.Join();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began.Min(), ended.Max()).TotalSeconds);
        }

        GC.KeepAlive(kept);
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Read(float[] block)
    {
        ReadOnlySpan<Vector<float>> values = MemoryMarshal.Cast<float, Vector<float>>(block);
        Vector<float> a = default, b = default, c = default, d = default;
        for (int i = 0; i + 3 < values.Length; i += 4)
        {
            a += values[i];
            b += values[i + 1];
            c += values[i + 2];
            d += values[i + 3];
        }

        return Vector.Sum(a + b + c + d);
    }

    private static float Multiply(int steps) => Vector512.IsHardwareAccelerated ? Multiply512(steps) : Multiply256(steps);

    /// <summary>Twelve independent chains hide the latency of the multiply-add.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Multiply512(int steps)
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-3f);
        Vector512<float> a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
        for (int step = 0; step < steps; step++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y);
            b = Vector512.FusedMultiplyAdd(b, x, y);
            c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y);
            e = Vector512.FusedMultiplyAdd(e, x, y);
            f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y);
            h = Vector512.FusedMultiplyAdd(h, x, y);
            i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y);
            k = Vector512.FusedMultiplyAdd(k, x, y);
            l = Vector512.FusedMultiplyAdd(l, x, y);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Multiply256(int steps)
    {
        Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(1e-3f);
        Vector256<float> a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
        for (int step = 0; step < steps; step++)
        {
            a = Vector256.FusedMultiplyAdd(a, x, y);
            b = Vector256.FusedMultiplyAdd(b, x, y);
            c = Vector256.FusedMultiplyAdd(c, x, y);
            d = Vector256.FusedMultiplyAdd(d, x, y);
            e = Vector256.FusedMultiplyAdd(e, x, y);
            f = Vector256.FusedMultiplyAdd(f, x, y);
            g = Vector256.FusedMultiplyAdd(g, x, y);
            h = Vector256.FusedMultiplyAdd(h, x, y);
            i = Vector256.FusedMultiplyAdd(i, x, y);
            j = Vector256.FusedMultiplyAdd(j, x, y);
            k = Vector256.FusedMultiplyAdd(k, x, y);
            l = Vector256.FusedMultiplyAdd(l, x, y);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
