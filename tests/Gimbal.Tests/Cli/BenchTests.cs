using Gimbal.Cli.Bench;
using Gimbal.Tensors;

namespace Gimbal.Tests.Cli;

public sealed class BenchTests
{
    [Fact]
    public void EveryOpRunsAndHasAFloor()
    {
        using Device device = Device.Open("cpu");
        Ceiling ceiling = Ceiling.Measure(threads: 1, megabytes: 8);
        Assert.True(ceiling.BytesPerSecond > 1e8 && ceiling.FlopsPerSecond > 1e8, ceiling.ToString());
        BenchResult[] all = [.. BenchSuite.Run(device, "", quick: true, ceiling)];
        Assert.Equal(BenchSuite.Operations.Count, all.Length);
        Assert.All(all, result => Assert.True(result is { Milliseconds: > 0, Bytes: > 0, ShareOfFloor: > 0 }, result.ToString()));
    }

    [Fact]
    public void MatrixProductsAreTimedInBFloat16()
    {
        using Device device = Device.Open("cpu");
        BenchResult[] all = [.. BenchSuite.Run(device, "", quick: true, new Ceiling(1e9, 1e9), DType.BFloat16)];
        Assert.Contains(all, result => result.Operation == "attention_backward");
        BenchResult wide = Assert.Single(BenchSuite.Run(device, "matmul_packed", quick: true, new Ceiling(1e9, 1e9)));
        Assert.Equal(wide.Bytes / 2, all.Single(result => result.Operation == "matmul_packed").Bytes);
    }

    [Fact]
    public void AFilterTakesTheOpsWithThatName()
    {
        using Device device = Device.Open("cpu");
        IEnumerable<BenchResult> results = BenchSuite.Run(device, "rmsnorm", quick: true, new Ceiling(1e9, 1e9));
        Assert.Equal(["rmsnorm", "rmsnorm_backward"], results.Select(result => result.Operation));
    }
}
