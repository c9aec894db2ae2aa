#:project ../src/Gimbal.Tensors/Gimbal.Tensors.csproj
#:property PublishAot=false
#:property AllowUnsafeBlocks=true

// Gimbal inside a program that has a GPU of its own: the ops work on that program's device memory, in the order of its
// stream, and allocate nothing. What such a program gets from ManagedCuda or ILGPU is taken here from the CUDA driver
// directly (class Gpu, below); docs/EMBEDDING.md has the lines for those two. Run it with
//
//     dotnet run -c Release examples/embedding.cs
//
// GIMBAL_CUDA_DRIVER names another driver library than the system's, for one the emulated driver.

using System.Runtime.InteropServices;
using Gimbal.Tensors;

const int Rows = 2, Steps = 4, Count = Rows * Steps;
Gpu gpu = new();
using Device device = Device.Open("cuda:0", new DeviceOptions { Stream = gpu.Stream });

// The program's buffers: plain addresses of device memory.
nint rewards = gpu.Upload<float>([1, 1, 1, 1, 0, 0, 0, 5]), values = gpu.Upload<float>([3.6f, 2.8f, 1.9f, 1, 4, 4.2f, 4.5f, 4.8f]);
nint lastValues = gpu.Upload<float>([0, 0]);
nint oldLogprobs = gpu.Upload<float>([-1, -2, -0.5f, -3, -1, -1, -2, -2]);
nint logprobs = gpu.Upload<float>([-0.9f, -2.5f, -0.5f, -2.9f, -1, -0.7f, -2.1f, -2]);
nint advantages = gpu.Allocate(Count * sizeof(float)), returns = gpu.Allocate(Count * sizeof(float));
nint losses = gpu.Allocate(Count * sizeof(float)), gradients = gpu.Allocate(Count * sizeof(float));
nint statistics = gpu.Upload(new double[9]); // added to, so cleared first

const long WorkspaceBytes = 1 << 20; // EMBEDDING.md says how to know
device.SetWorkspace(Tensor.Borrow(device, gpu.Allocate(WorkspaceBytes), DType.UInt8, [WorkspaceBytes]));
Ops.Gae(Floats(rewards), Floats(values), Tensor.Borrow(device, lastValues, DType.Float32, [Rows]), default, default, default,
    default, Floats(advantages), Floats(returns), gamma: 0.99f, lambda: 0.95f);
Ops.GrpoLoss(Floats(logprobs), Floats(oldLogprobs), default, Floats(advantages), default, Floats(losses), Floats(gradients),
    Tensor.Borrow(device, statistics, DType.Float64, [9]), clipLow: 0.2f, clipHigh: 0.2f);

float[] found = gpu.Download<float>(advantages, Count), r = gpu.Download<float>(rewards, Count), v = gpu.Download<float>(values, Count);
double[] sums = gpu.Download<double>(statistics, 9);
device.Synchronize(); // throws if an op met bad data
Console.WriteLine($"advantages {string.Join(' ', found.Select(a => $"{a:F3}"))}");
Console.WriteLine($"loss {sums[0]:F6} over {sums[2]} tokens");

// The formula again, plainly.
double worst = 0;
for (int row = 0; row < Rows; row++)
{
    double nextValue = 0, advantage = 0;
    for (int i = (row + 1) * Steps - 1; i >= row * Steps; i--)
    {
        advantage = r[i] + 0.99 * nextValue - v[i] + 0.99 * 0.95 * advantage;
        nextValue = v[i];
        worst = Math.Max(worst, Math.Abs(advantage - found[i]));
    }
}

Console.WriteLine($"largest difference from the formula {worst:E1}");
return worst < 1e-6 ? 0 : 1; // measured: 2E-007

Tensor Floats(nint address) => Tensor.Borrow(device, address, DType.Float32, [Rows, Steps]);

/// <summary>The program's own GPU: its context, its stream, its memory.</summary>
internal sealed unsafe class Gpu
{
    private readonly nint library = NativeLibrary.Load(
        Environment.GetEnvironmentVariable("GIMBAL_CUDA_DRIVER") ?? (OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1"));

    private readonly nint stream;

    public Gpu()
    {
        nint context;
        Check(((delegate* unmanaged<uint, int>)Find("cuInit"))(0));
        Check(((delegate* unmanaged<nint*, int, int>)Find("cuDevicePrimaryCtxRetain"))(&context, 0));
        Check(((delegate* unmanaged<nint, int>)Find("cuCtxPushCurrent_v2"))(context));
        fixed (nint* made = &stream)
        {
            Check(((delegate* unmanaged<nint*, uint, int>)Find("cuStreamCreate"))(made, 0));
        }
    }

    public nint Stream => stream;

    public nint Allocate(long bytes)
    {
        nint address;
        Check(((delegate* unmanaged<nint*, nint, int>)Find("cuMemAlloc_v2"))(&address, (nint)bytes));
        return address;
    }

    public nint Upload<T>(ReadOnlySpan<T> numbers) where T : unmanaged
    {
        nint bytes = numbers.Length * sizeof(T), address = Allocate(bytes);
        fixed (T* source = numbers)
        {
            Check(((delegate* unmanaged<nint, void*, nint, nint, int>)Find("cuMemcpyHtoDAsync_v2"))(address, source, bytes, stream));
            Wait(); // the source may move from here on
        }

        return address;
    }

    /// <summary>Waits for the stream, and with it for the ops: they were queued on it.</summary>
    public T[] Download<T>(nint address, int count) where T : unmanaged
    {
        T[] numbers = new T[count];
        fixed (T* target = numbers)
        {
            Check(((delegate* unmanaged<void*, nint, nint, nint, int>)Find("cuMemcpyDtoHAsync_v2"))(target, address,
                count * sizeof(T), stream));
            Wait();
        }

        return numbers;
    }

    private void Wait() => Check(((delegate* unmanaged<nint, int>)Find("cuStreamSynchronize"))(stream));

    private nint Find(string name) => NativeLibrary.GetExport(library, name);

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"the CUDA driver answers {result}");
        }
    }
}
