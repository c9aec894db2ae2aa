namespace Gimbal.Cli.Bench;

/// <summary>One op at one shape, ready to run again and again.</summary>
/// <param name="Op">Its name, as in <c>logprob_gather</c>.</param>
/// <param name="Shape">Its shape in words.</param>
/// <param name="Bytes">Inputs read once and outputs written once.</param>
/// <param name="Flops">Floating-point operations, a fused multiply-add counting two; 0 where memory alone bounds it.</param>
/// <param name="Run">Runs it once.</param>
internal sealed record BenchCase(string Op, string Shape, double Bytes, double Flops, Action Run);

/// <summary>How fast an op was.</summary>
/// <param name="Case">What ran.</param>
/// <param name="Seconds">Median time of one run.</param>
/// <param name="Floor">The least time it could take: bytes over bandwidth or operations over peak, whichever is longer.</param>
internal readonly record struct BenchResult(BenchCase Case, double Seconds, double Floor)
{
    /// <summary>Floor over time: 1 is the limit of the machine, more than 1 means that the data stayed in a cache.</summary>
    public double ShareOfFloor => Floor / Seconds;

    /// <summary>Operations per second where they bound the op, else bytes per second.</summary>
    public string Rate => Case.Flops > 0
        ? FormattableString.Invariant($"{Case.Flops / Seconds / 1e9:0.0} GFLOP/s")
        : FormattableString.Invariant($"{Case.Bytes / Seconds / 1e9:0.0} GB/s");
}
