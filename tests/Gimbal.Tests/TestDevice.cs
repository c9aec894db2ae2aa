using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// The device that the suite runs on: the CPU, or what <c>GIMBAL_TEST_DEVICE</c> names. With <c>cuda:0</c> there, and
/// <c>GIMBAL_CUDA_DRIVER</c> naming the emulated driver, the same tests check the CUDA kernels without a GPU.
/// </summary>
internal static class TestDevice
{
    private const string Cuda = "cuda:0";

    private static readonly Lazy<string?> WhyNoCuda = new(FindCuda);

    [ThreadStatic]
    private static string? chosen;

    /// <summary>Name of the device that <see cref="Open"/> opens on this thread.</summary>
    public static string Name => chosen
        ?? (Environment.GetEnvironmentVariable("GIMBAL_TEST_DEVICE") is { Length: > 0 } named ? named : "cpu");

    public static bool IsCpu => Name == "cpu";

    public static Device Open(int threads = 1) => Device.Open(Name, new DeviceOptions { Threads = threads });

    /// <summary>Runs a body whose devices are on the CPU.</summary>
    public static T OnCpu<T>(Func<T> body) => Within("cpu", body);

    /// <summary>Runs a body whose devices are CUDA devices; skips the calling test where there is neither GPU nor emulator.</summary>
    public static T OnCuda<T>(Func<T> body)
    {
        Assert.SkipWhen(WhyNoCuda.Value is not null,
            $"{WhyNoCuda.Value} Set GIMBAL_CUDA_DRIVER to the emulated driver: cmake --preset emulator && cmake --build --preset emulator");
        return Within(Cuda, body);
    }

    /// <summary>Runs a body on the device of that name, as the two above.</summary>
    public static T On<T>(string name, Func<T> body) => name == Cuda ? OnCuda(body) : OnCpu(body);

    private static T Within<T>(string name, Func<T> body)
    {
        string? before = chosen;
        chosen = name;
        try
        {
            return body();
        }
        finally
        {
            chosen = before;
        }
    }

    private static string? FindCuda()
    {
        try
        {
            using Device device = Device.Open(Cuda);
            return null;
        }
        catch (DeviceException error)
        {
            return error.Message;
        }
    }
}
