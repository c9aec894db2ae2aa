using System.Runtime.InteropServices;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>The CUDA device itself, on a GPU or under the emulated driver: memory, streams, recorded ops, errors.</summary>
public sealed class CudaDeviceTests
{
    private const int OutOfMemory = 3, OutOfRange = 4, Invalid = 1;

    [Fact]
    public void MemoryComesZeroedAndKeepsWhatIsCopied() => OnCuda(device =>
    {
        using Arena arena = new(device, 1 << 20);
        Tensor x = arena.Allocate(DType.Float32, [1001]), y = arena.Allocate(DType.Float32, [1001]);
        Assert.All(x.ToArray<float>(), value => Assert.Equal(0, value));
        float[] values = [.. Enumerable.Range(0, 1001).Select(i => i * 0.5f)];
        x.CopyFrom<float>(values);
        y.CopyFrom(x);
        Assert.Equal(values, y.ToArray<float>());
        y.Clear();
        Assert.All(y.ToArray<float>(), value => Assert.Equal(0, value));
    });

    [Fact]
    public void TooMuchMemoryIsAnErrorAndTheDeviceGoesOn() => OnCuda(device =>
    {
        DeviceException error = Assert.Throws<DeviceException>(() => new Arena(device, 1L << 50));
        Assert.Equal(OutOfMemory, error.Status);
        Assert.Contains("1125899906842624 bytes", error.Message, StringComparison.Ordinal);
        using Arena arena = new(device, 1 << 20);
        AssertDoubles(arena);
    });

    [Fact]
    public void ATokenOutsideItsTableIsReportedWhenTheHostWaits() => OnCuda(device =>
    {
        using Arena arena = new(device, 1 << 20);
        Tensor table = arena.Allocate(DType.Float32, [5, 3]), y = arena.Allocate(DType.Float32, [4, 3]);
        Tensor ids = arena.Allocate(DType.Int32, [4]);
        table.Clear();
        ids.CopyFrom<int>([0, 4, 5, 1]);
        Ops.Embedding(table, ids, y);
        DeviceException error = Assert.Throws<DeviceException>(device.Synchronize);
        Assert.Equal(OutOfRange, error.Status);
        Assert.Contains("embedding: ids[2]: wanted 0 to 4, got 5", error.Message, StringComparison.Ordinal);
        AssertDoubles(arena);
    });

    [Fact]
    public void RecordedOpsReadWhatLiesInTheirTensors() => OnCuda(device =>
    {
        using Arena arena = new(device, 1 << 20);
        Tensor x = arena.Allocate(DType.Float32, [700]), y = arena.Allocate(DType.Float32, [700]);
        Ops.Skeleton(x, y, 3);
        using RecordedOps recorded = device.Record(() =>
        {
            Ops.Skeleton(x, y, 3);
            Ops.Skeleton(y, y, 2);
        });
        for (int launch = 1; launch <= 3; launch++)
        {
            x.CopyFrom<float>([.. Enumerable.Repeat((float)launch, 700)]);
            recorded.Launch();
            Assert.All(y.ToArray<float>(), value => Assert.Equal(6 * launch, value));
        }
    });

    [Fact]
    public void WhatCannotBeRecordedIsNamed() => OnCuda(device =>
    {
        using Arena arena = new(device, 1 << 20);
        Tensor x = arena.Allocate(DType.Float32, [7]);
        DeviceException error = Assert.Throws<DeviceException>(() => device.Record(() => x.ToArray<float>()));
        Assert.Equal(Invalid, error.Status);
        Assert.Contains("cannot be recorded", error.Message, StringComparison.Ordinal);
        AssertDoubles(arena);
    });

    /// <summary>Work of another library and ours in one stream, on memory of the other's, in the context that both share.</summary>
    [Fact]
    public unsafe void AStreamAndMemoryOfTheCallersServe() => OnCuda(_ =>
    {
        using ForeignDriver driver = new();
        const int Count = 300;
        nint memory = driver.Allocate(Count * sizeof(float)), stream = driver.Stream();
        try
        {
            using Device device = Device.Open("cuda:0", new DeviceOptions { Stream = stream });
            Tensor x = Tensor.Borrow(device, memory, DType.Float32, [Count]);
            x.CopyFrom<float>([.. Enumerable.Range(0, Count).Select(i => (float)i)]);
            Ops.Skeleton(x, x, 2);
            Assert.Equal(Enumerable.Range(0, Count).Select(i => 2f * i), x.ToArray<float>());
        }
        finally
        {
            driver.Free(memory);
            driver.Destroy(stream);
        }
    });

    [Fact]
    public void TwoDevicesInOneProcessDoNotDisturbEachOther() => OnCuda(device =>
    {
        using Device other = Device.Open("cuda:0");
        using Arena arena = new(device, 1 << 20), otherArena = new(other, 1 << 20);
        AssertDoubles(arena);
        AssertDoubles(otherArena);
        AssertDoubles(arena);
    });

    private static void OnCuda(Action<Device> body) => TestDevice.OnCuda(() =>
    {
        using Device device = TestDevice.Open();
        body(device);
        return true;
    });

    private static void AssertDoubles(Arena arena)
    {
        using ArenaScope scope = arena.Enter();
        Tensor x = arena.Allocate(DType.Float32, [3]);
        x.CopyFrom<float>([1, 2, 3]);
        Ops.Skeleton(x, x, 2);
        Assert.Equal([2, 4, 6], x.ToArray<float>());
    }

    /// <summary>The driver as another library of the process would use it.</summary>
    private sealed unsafe class ForeignDriver : IDisposable
    {
        private readonly nint library = NativeLibrary.Load(
            Environment.GetEnvironmentVariable("GIMBAL_CUDA_DRIVER") is { Length: > 0 } named ? named : "libcuda.so.1");

        public ForeignDriver()
        {
            Check(((delegate* unmanaged<uint, int>)Symbol("cuInit"))(0));
            nint context;
            Check(((delegate* unmanaged<nint*, int, int>)Symbol("cuDevicePrimaryCtxRetain"))(&context, 0));
            Check(((delegate* unmanaged<nint, int>)Symbol("cuCtxPushCurrent_v2"))(context));
        }

        public nint Allocate(long bytes)
        {
            nint memory;
            Check(((delegate* unmanaged<nint*, nuint, int>)Symbol("cuMemAlloc_v2"))(&memory, (nuint)bytes));
            return memory;
        }

        public void Free(nint memory) => Check(((delegate* unmanaged<nint, int>)Symbol("cuMemFree_v2"))(memory));

        public nint Stream()
        {
            nint stream;
            Check(((delegate* unmanaged<nint*, uint, int>)Symbol("cuStreamCreate"))(&stream, 1));
            return stream;
        }

        public void Destroy(nint stream) => Check(((delegate* unmanaged<nint, int>)Symbol("cuStreamDestroy_v2"))(stream));

        public void Dispose()
        {
            nint context;
            ((delegate* unmanaged<nint*, int>)Symbol("cuCtxPopCurrent_v2"))(&context);
            ((delegate* unmanaged<int, int>)Symbol("cuDevicePrimaryCtxRelease_v2"))(0);
            NativeLibrary.Free(library);
        }

        private nint Symbol(string name) => NativeLibrary.GetExport(library, name);

        private static void Check(int result) => Assert.Equal(0, result);
    }
}
