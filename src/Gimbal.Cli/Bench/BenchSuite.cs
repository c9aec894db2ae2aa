using System.Diagnostics;
using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Every op of the engine at a size of its own, timed against its floor.</summary>
internal static class BenchSuite
{
    private const long ArenaBytes = 512L << 20;
    private const double LeastSeconds = 0.2;
    private const double LeastSample = 0.005;
    private const int LeastRuns = 5;

    private static readonly Dictionary<string, Func<BenchData, BenchCase>> Cases = new IReadOnlyDictionary<string, Func<BenchData, BenchCase>>[]
    {
        LayerBench.All, MatrixBench.All, LanguageBench.All, PolicyBench.All, DialectBench.All, OptimizerBench.All,
    }.SelectMany(family => family).ToDictionary();

    /// <summary>Ops that can be timed: all of them, or a test fails.</summary>
    public static IReadOnlyCollection<string> Operations => Cases.Keys;

    /// <summary>Times the ops whose name contains <paramref name="filter"/>, in the order of the families.</summary>
    /// <param name="device">Where they run.</param>
    /// <param name="filter">The text; empty: all.</param>
    /// <param name="quick">Small sizes, one run each: the numbers then say little.</param>
    /// <param name="ceiling">What the machine can do.</param>
    /// <param name="dtype">Element type of weights and activations; in bfloat16 only the matrix products.</param>
    /// <param name="cancellationToken">Ends the work between two ops.</param>
    public static IEnumerable<BenchResult> Run(Device device, string filter, bool quick, Ceiling ceiling, DType dtype = DType.Float32,
        CancellationToken cancellationToken = default) =>
        Run(device, dtype == DType.Float32 ? Cases : MatrixBench.All, filter, quick, ceiling, dtype, ArenaBytes, cancellationToken);

    /// <summary>Times the ops at the sizes that other systems time them at.</summary>
    public static IEnumerable<BenchResult> RunWorkloadOps(Device device, bool quick, Ceiling ceiling, DType dtype = DType.Float32,
        CancellationToken cancellationToken = default) =>
        Run(device, dtype == DType.Float32 ? WorkloadOps.All : WorkloadOps.Products, "", quick, ceiling, dtype, 2 * ArenaBytes, cancellationToken);

    private static IEnumerable<BenchResult> Run(Device device, Dictionary<string, Func<BenchData, BenchCase>> cases, string filter,
        bool quick, Ceiling ceiling, DType dtype, long arenaBytes, CancellationToken cancellationToken)
    {
        using Arena arena = new(device, arenaBytes);
        foreach ((string operation, Func<BenchData, BenchCase> create) in cases)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!operation.Contains(filter, StringComparison.Ordinal))
                continue;
            using BenchData data = new(device, arena, quick, dtype);
            yield return Time(operation, create, data, arena, ceiling.Of(dtype, device), quick);
        }
    }

    private static BenchResult Time(string operation, Func<BenchData, BenchCase> create, BenchData data, Arena arena, Ceiling ceiling, bool quick)
    {
        using ArenaScope scope = arena.Enter();
        BenchCase c = create(data);
        double seconds = quick ? Once(data.Device, c.Run) : Median(data.Device, c.Run);
        double floor = Math.Max(c.Bytes / ceiling.BytesPerSecond, c.Flops / ceiling.FlopsPerSecond);
        return new BenchResult(operation, c.Shape, seconds * 1e3, c.Bytes, c.Flops, floor / seconds);
    }

    /// <summary>
    /// Median seconds of a call, after one that warms up. Where calls only queue work, each sample is enough of them to last
    /// longer than the wait at its end.
    /// </summary>
    private static double Median(Device device, Action run)
    {
        Once(device, run);
        int calls = device.CanRecord ? (int)Math.Clamp(LeastSample / Once(device, run), 1, 1000) : 1;
        void Sample()
        {
            for (int call = 0; call < calls; call++)
                run();
        }

        List<double> seconds = [];
        while (seconds.Count < LeastRuns || seconds.Sum() < LeastSeconds)
            seconds.Add(Once(device, Sample));
        seconds.Sort();
        return seconds[seconds.Count / 2] / calls;
    }

    private static double Once(Device device, Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
