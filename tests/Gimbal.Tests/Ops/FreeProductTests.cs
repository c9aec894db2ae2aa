using System.Runtime.InteropServices;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// Products whose order is free go through cuBLASLt, for which the emulated driver's library stands in: it adds in double, so its
/// results are known to the bit, and are not those of the engine's kernels.
/// </summary>
[Collection(ThreadsCollection.Name)]
public sealed partial class FreeProductTests
{
    private const int M = 24, N = 40, K = 600;

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, true, true)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    public void AProductIsTheLibrarysWhereTheOrderIsFree(bool transA, bool transB, bool accumulate) => WithLibrary(driver => driver, device =>
    {
        using Arena arena = new(device, 4 << 20);
        (Tensor a, float[] x) = Numbers(arena, transA ? [K, M] : [M, K], seed: 1);
        (Tensor b, float[] y) = Numbers(arena, transB ? [N, K] : [K, N], seed: 2);
        (_, float[] before) = Numbers(arena, [M, N], seed: 3);
        float[] expected = [.. Enumerable.Range(0, M * N).Select(o => (float)(Enumerable.Range(0, K).Sum(d =>
            (double)x[transA ? d * M + o / N : o / N * K + d] * y[transB ? o % N * K + d : d * N + o % N]) + (accumulate ? before[o] : 0)))];
        float[] Product(bool exact)
        {
            Tensor c = arena.Allocate(DType.Float32, [M, N]);
            c.CopyFrom<float>(before);
            device.IsExact = exact;
            Ops.Matmul(a, b, default, c, transA, transB, accumulate);
            device.IsExact = true;
            return c.ToArray<float>();
        }

        float[] own = Product(exact: true);
        Assert.Equal(expected, Product(exact: false));
        Assert.NotEqual(expected, own);
        Assert.Equal(own, Product(exact: true));
    });

    [Fact]
    public void BFloat16StaysBFloat16() => WithLibrary(driver => driver, device =>
    {
        using Arena arena = new(device, 4 << 20);
        Tensor a = arena.Allocate(DType.BFloat16, [M, K]), b = arena.Allocate(DType.BFloat16, [N, K]), c = arena.Allocate(DType.BFloat16, [M, N]);
        float[] x = BFloat16.Round(Normal(M * K, seed: 1)), y = BFloat16.Round(Normal(N * K, seed: 2));
        BFloat16.CopyFrom(a, x);
        BFloat16.CopyFrom(b, y);
        device.IsExact = false;
        Ops.Matmul(a, b, default, c, transB: true);
        device.IsExact = true;
        float[] sums = [.. Enumerable.Range(0, M * N).Select(o => (float)Enumerable.Range(0, K).Sum(d =>
            (double)x[o / N * K + d] * y[o % N * K + d]))];
        Assert.Equal(BFloat16.Round(sums), c.ToFloats());
    });

    [Fact]
    public void WhatTheLibraryCannotDoIsOurs() => WithLibrary(driver => driver, device =>
    {
        using Arena arena = new(device, 4 << 20);
        Tensor wide = Numbers(arena, [M, K + 4], seed: 1).Tensor, b = Numbers(arena, [N, K], seed: 2).Tensor, bias = Numbers(arena, [N], seed: 3).Tensor;
        float[] Product(Tensor a, Tensor added, bool exact)
        {
            Tensor c = arena.Allocate(DType.Float32, [M, N]);
            device.IsExact = exact;
            Ops.Matmul(a, b, added, c, transB: true);
            device.IsExact = true;
            return c.ToArray<float>();
        }

        foreach ((Tensor a, Tensor added) in new[] { (wide.Columns(1, K), default), (wide.Columns(4, K), bias) })
        {
            Assert.Equal(Product(a, added, exact: true), Product(a, added, exact: false));
        }

        Assert.NotEqual(Product(wide.Columns(4, K), default, exact: true), Product(wide.Columns(4, K), default, exact: false));
    });

    [Fact]
    public void GradientsAreFreeAndForwardsAreNotUnlessTheDeviceIsInexact() => WithLibrary(driver => driver, device =>
    {
        (float[] exactForward, float[] gradient) = Linear(device);
        using Device inexact = Device.Open("cuda:0", new DeviceOptions { Inexact = true });
        (float[] freeForward, float[] same) = Linear(inexact);
        float[] ownForward = TestDevice.OnCpu(() =>
        {
            using Device cpu = TestDevice.Open();
            return Linear(cpu).Forward;
        });
        Assert.Equal(ownForward, exactForward);
        Assert.NotEqual(ownForward, freeForward);
        Assert.Equal(gradient, same);
    });

    [Fact]
    public void ARecordedProductIsTheLibrarysToo() => WithLibrary(driver => driver, device =>
    {
        using Arena arena = new(device, 4 << 20);
        Tensor a = Numbers(arena, [M, K], seed: 1).Tensor, b = Numbers(arena, [K, N], seed: 2).Tensor, c = arena.Allocate(DType.Float32, [M, N]);
        device.IsExact = false;
        Ops.Matmul(a, b, default, c);
        float[] expected = c.ToArray<float>();
        using RecordedOps recorded = device.Record(() => Ops.Matmul(a, b, default, c));
        c.Clear();
        recorded.Launch();
        Assert.Equal(expected, c.ToArray<float>());
        device.IsExact = true;
    });

    [Fact]
    public void ALibraryThatIsNamedAndMissingIsAnError() => WithLibrary(_ => "/nowhere/libcublasLt.so", device =>
    {
        DeviceException error = Assert.Throws<DeviceException>(() => device.IsExact = false);
        Assert.Equal(2, error.Status);
        Assert.Contains("no cuBLASLt: /nowhere/libcublasLt.so", error.Message, StringComparison.Ordinal);
    });

    /// <summary>y = x W^T and the gradient of W for dy = y.</summary>
    private static (float[] Forward, float[] Gradient) Linear(Device device)
    {
        using Arena arena = new(device, 4 << 20);
        using ParameterStore store = new(device, trainable: true);
        Parameter weight = store.Add("weight", [N, K], decays: false);
        store.Allocate();
        weight.Value.CopyFrom<float>(Normal(N * K, seed: 2));
        store.ClearGradients();
        Tape tape = new(arena) { Recording = true };
        Tensor y = Ops.Linear(tape, Numbers(arena, [M, K], seed: 1).Tensor, weight, null);
        float[] forward = y.ToArray<float>();
        Tensor dy = arena.Allocate(DType.Float32, y.Shape);
        dy.CopyFrom<float>(Normal(M * N, seed: 3));
        tape.SetGradient(y, dy);
        tape.Backward();
        return (forward, weight.Gradient.ToArray<float>());
    }

    private static (Tensor Tensor, float[] Values) Numbers(Arena arena, Shape shape, int seed)
    {
        float[] values = Normal((int)shape.Count, seed);
        Tensor tensor = arena.Allocate(DType.Float32, shape);
        tensor.CopyFrom<float>(values);
        return (tensor, values);
    }

    private static float[] Normal(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    /// <summary>A device that finds that library; the emulated driver's own stands in for cuBLASLt.</summary>
    private static void WithLibrary(Func<string, string> library, Action<Device> body)
    {
        string driver = Environment.GetEnvironmentVariable("GIMBAL_CUDA_DRIVER") ?? "";
        Assert.SkipUnless(OperatingSystem.IsLinux() && driver.Contains("cudaemu", StringComparison.Ordinal),
            "GIMBAL_CUDA_DRIVER does not name the emulated driver, which stands in for cuBLASLt");
        string? before = Environment.GetEnvironmentVariable("GIMBAL_CUBLASLT");
        SetVariable("GIMBAL_CUBLASLT", library(driver), 1);
        try
        {
            using Device device = Device.Open("cuda:0");
            body(device);
        }
        finally
        {
            SetVariable("GIMBAL_CUBLASLT", before ?? "", 1);
        }
    }

    // .NET keeps variables of its own; the engine reads the process's.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
