using System.Diagnostics;
using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Times every op on a device.</summary>
internal sealed class Bencher : IDisposable
{
    private const int FewestRuns = 5;

    private readonly Device device;
    private readonly Arena arena;
    private readonly StepStateBuffer state;
    private readonly bool isQuick;

    /// <param name="device">Where the ops run.</param>
    /// <param name="isQuick">Small shapes and short times: the numbers then say little.</param>
    public Bencher(Device device, bool isQuick)
    {
        (this.device, this.isQuick) = (device, isQuick);
        arena = new Arena(device, isQuick ? 256L << 20 : 2L << 30);
        state = new StepStateBuffer(device);
    }

    /// <summary>Times the ops whose names contain a text, in the order of the list.</summary>
    /// <param name="filter">The text; empty: all.</param>
    /// <param name="ceiling">What the machine can do.</param>
    /// <param name="cancellationToken">Ends the work between two ops.</param>
    public IEnumerable<BenchResult> Run(string filter, Ceiling ceiling, CancellationToken cancellationToken)
    {
        IEnumerable<Func<BenchInputs, BenchCase>> all = isQuick
            ? [.. LayerBenches.All(tokens: 256, width: 96, vocabulary: 2000), .. LossBenches.All(rows: 64, vocabulary: 2000, tokens: 1 << 14, weights: 1 << 16)]
            : [.. LayerBenches.All(tokens: 2048, width: 288, vocabulary: 32000), .. LossBenches.All(rows: 2048, vocabulary: 32000, tokens: 1 << 22, weights: 15_200_000)];
        foreach (Func<BenchInputs, BenchCase> make in all)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Time(make, filter, ceiling) is { } result)
                yield return result;
        }
    }

    public void Dispose()
    {
        state.Dispose();
        arena.Dispose();
    }

    private BenchResult? Time(Func<BenchInputs, BenchCase> make, string filter, Ceiling ceiling)
    {
        using ArenaScope scope = arena.Enter();
        BenchCase subject = make(new BenchInputs(arena, state));
        if (!subject.Op.Contains(filter, StringComparison.Ordinal))
            return null;
        subject.Run();
        double budget = isQuick ? 0.01 : 0.3;
        List<double> seconds = [];
        for (double spent = 0; spent < budget || seconds.Count < FewestRuns;)
        {
            long began = Stopwatch.GetTimestamp();
            subject.Run();
            device.Synchronize();
            seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            spent += seconds[^1];
        }

        seconds.Sort();
        double floor = Math.Max(subject.Bytes / ceiling.BytesPerSecond, subject.Flops / ceiling.FlopsPerSecond);
        return new BenchResult(subject, seconds[seconds.Count / 2], floor);
    }
}
