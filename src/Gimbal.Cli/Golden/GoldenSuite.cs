using Gimbal.Cli.Golden.Runners;
using Gimbal.Tensors;

namespace Gimbal.Cli.Golden;

/// <summary>How a case came out.</summary>
internal enum Outcome
{
    Passed,
    Failed,
    Unsupported,
}

/// <summary>The outcome of one case.</summary>
/// <param name="Operation">Folder of the case.</param>
/// <param name="Name">Name of the case.</param>
/// <param name="Outcome">How it came out.</param>
/// <param name="WorstError">Largest error in units of the tolerance.</param>
/// <param name="Message">What did not match, or why the case is unsupported.</param>
internal sealed record CaseResult(string Operation, string Name, Outcome Outcome, double WorstError, string Message);

/// <summary>Runs golden cases with the engine's own ops: one runner for each operation, found by its name.</summary>
internal static class GoldenSuite
{
    private const long ArenaBytes = 64L << 20;

    private static readonly Dictionary<string, Action<GoldenRun>> Runners = new IReadOnlyDictionary<string, Action<GoldenRun>>[]
    {
        LayerRunners.All, LanguageRunners.All, AdvantageRunners.All, GroupRunners.All, PolicyRunners.All, GrpoRunners.All, PreferenceRunners.All, UnpairedRunners.All,
        SamplingRunners.All, FusedRunners.All, AttentionRunners.All, OptimizerRunners.All,
        TrainerRunners.All, RlhfRunners.All, PpoRunners.All,
    }.SelectMany(room => room).ToDictionary();

    /// <summary>Operations that have a runner.</summary>
    public static IEnumerable<string> Operations => Runners.Keys;

    /// <summary>Runs every case below a folder, in the order of operation and name.</summary>
    /// <exception cref="InvalidFileException">There is no case, or a file is broken.</exception>
    public static IEnumerable<CaseResult> Run(string folder, Device device)
    {
        if (!Directory.Exists(folder))
            throw new InvalidFileException(folder, "no such folder; name one that holds golden cases (<op>/<case>.json).");
        int count = 0;
        using Arena arena = new(device, ArenaBytes);
        foreach (string path in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (GoldenCase.Read(path) is not { } golden)
                continue;
            count++;
            yield return Run(golden, device, arena);
        }

        if (count == 0)
            throw new InvalidFileException(folder, "holds no golden case (<op>/<case>.json with \"op\" and \"case\").");
    }

    /// <summary>Runs one case.</summary>
    public static CaseResult Run(GoldenCase golden, Device device, Arena arena)
    {
        if (!Runners.TryGetValue(golden.Operation, out Action<GoldenRun>? runner))
            return new CaseResult(golden.Operation, golden.Name, Outcome.Unsupported, 0, "the engine has no such operation yet");
        using ArenaScope scope = arena.Enter();
        GoldenRun run = new(golden, device, arena);
        try
        {
            runner(run);
            run.Close();
        }
        catch (UnsupportedCaseException error)
        {
            return new CaseResult(golden.Operation, golden.Name, Outcome.Unsupported, 0, error.Message);
        }
        catch (Exception error) when (error is GimbalException or ArgumentException or KeyNotFoundException)
        {
            return new CaseResult(golden.Operation, golden.Name, Outcome.Failed, double.PositiveInfinity, error.Message);
        }

        Outcome outcome = run.Faults.Count == 0 ? Outcome.Passed : Outcome.Failed;
        return new CaseResult(golden.Operation, golden.Name, outcome, run.WorstError, string.Join("; ", run.Faults));
    }
}
