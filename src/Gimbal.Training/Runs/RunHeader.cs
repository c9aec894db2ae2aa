namespace Gimbal.Training;

/// <summary><c>run.json</c>: what a run folder is, written once when the run starts.</summary>
public sealed record RunHeader
{
    /// <summary>Version of the folder's layout.</summary>
    public required int Schema { get; init; }

    /// <summary>The command or algorithm, as in <c>grpo</c>.</summary>
    public required string Command { get; init; }

    /// <summary>Seed of the run.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Device of the run.</summary>
    public required string Device { get; init; }

    /// <summary>Version of Gimbal that started it.</summary>
    public required string Version { get; init; }

    /// <summary>Start in UTC.</summary>
    public required DateTimeOffset Started { get; init; }
}
