using Gimbal.Cli.Bench;
using Gimbal.Tensors;

namespace Gimbal.Tests.Cli;

public sealed class WorkloadTests
{
    private static readonly WorkloadPlan Plan = new()
    {
        Model = "test",
        Batch = 4,
        Length = 24,
        Prompt = 6,
        New = 5,
        Group = 2,
        GenerationBatches = [1, 3],
        Repeats = 2,
        Warmup = 1,
    };

    public static TheoryData<string> Names => [.. WorkloadBench.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryWorkRuns(string work)
    {
        using Device device = Device.Open("cpu", new DeviceOptions { Threads = 2 });
        WorkloadResult[] results = [.. WorkloadBench.Run(device, work, Plan)];
        Assert.NotEmpty(results);
        Assert.All(results, result => Assert.True(result is { Seconds.Count: 2, Median: > 0, Tokens: > 0, ArenaBytes: > 0 }, result.ToString()));
    }

    // 2048 positions of 15.2 million weights, 9.2 of them in the head: six operations each, and attention beside them.
    [Fact]
    public void TheFloorOfAStepIsSixOperationsAWeightAndPosition()
    {
        WorkloadPlan plan = new() { Model = "small", Length = 256 };
        double products = 6.0 * 2048 * (6 * (4 * 288 * 288 + 3 * 288 * 768) + 32000 * 288), floor = WorkloadFloor.Of("train", plan, 8).TrainingFlops;
        Assert.InRange(floor / products, 1.01, 1.05);
        WorkloadFloor drawing = WorkloadFloor.Of("gen-greedy", plan, 1);
        Assert.Equal(0, drawing.TrainingFlops);
        Assert.Equal(128 * 4 * products / (6.0 * 2048), drawing.GenerationBytes, 1e-9 * drawing.GenerationBytes);
    }

    [Fact]
    public void EveryOpOfTheComparisonRuns()
    {
        using Device device = Device.Open("cpu");
        BenchResult[] results = [.. BenchSuite.RunWorkloadOps(device, quick: true, new Ceiling(1e9, 1e9))];
        Assert.Equal(WorkloadOps.All.Count, results.Length);
        Assert.All(results, result => Assert.True(result is { Milliseconds: > 0, ShareOfFloor: > 0 }, result.ToString()));
    }

    // Best of seven on either side; an engine under a sanitizer is slow by right.
    [Fact]
    public void NoKernelHasBecomeSlow()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("LD_PRELOAD") is { Length: > 0 }, "a sanitizer's runtime is loaded");
        IReadOnlyList<SpeedCheckResult> results = SpeedCheck.Run();
        Assert.SkipWhen(results[0].Ratio < 20 && Environment.GetEnvironmentVariable("GIMBAL_CPU_ISA") == "portable", "the portable fallback is slow");
        Assert.All(results, result => Assert.True(result.Passes, result.ToString()));
    }
}
