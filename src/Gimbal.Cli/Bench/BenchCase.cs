using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>One op at one size, ready to run.</summary>
/// <param name="Shape">The size, for the table.</param>
/// <param name="Bytes">Inputs read once and outputs written once.</param>
/// <param name="Flops">Floating-point operations of the matrix products in it; 0 where bytes are the floor.</param>
/// <param name="Run">Calls the op once.</param>
internal sealed record BenchCase(string Shape, double Bytes, double Flops, Action Run)
{
    /// <summary>A case whose floor is the memory traffic of these tensors.</summary>
    public static BenchCase Of(string shape, Action run, params ReadOnlySpan<Tensor> tensors)
    {
        double bytes = 0;
        foreach (Tensor tensor in tensors)
            bytes += (double)tensor.Count * tensor.DType.Size();
        return new BenchCase(shape, bytes, 0, run);
    }
}

/// <summary>Time of one op against its floor.</summary>
/// <param name="Operation">The op.</param>
/// <param name="Shape">Its size.</param>
/// <param name="Milliseconds">Median of the runs.</param>
/// <param name="Bytes">Bytes of the case.</param>
/// <param name="Flops">Floating-point operations of the case; 0 where bytes are the floor.</param>
/// <param name="ShareOfFloor">Floor over time: 1 is the limit of the machine, more means that the data stayed in a cache.</param>
internal sealed record BenchResult(string Operation, string Shape, double Milliseconds, double Bytes, double Flops, double ShareOfFloor)
{
    /// <summary>Operations per second where they bound the op, else bytes per second.</summary>
    public string Rate => Flops > 0
        ? FormattableString.Invariant($"{Flops / Milliseconds / 1e6:0.0} GFLOP/s")
        : FormattableString.Invariant($"{Bytes / Milliseconds / 1e6:0.0} GB/s");
}
