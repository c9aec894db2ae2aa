using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>Base of every op's tests: a device, an arena, and tensors filled from seeded random numbers.</summary>
public abstract class OpTests : IDisposable
{
    /// <summary>Sizes at which tails, blocks and lanes meet.</summary>
    public static readonly TheoryData<int> Sizes = [1, 7, 8, 9, 31, 32, 33, 513, 8003];

    private readonly Arena arena;

    protected OpTests(int threads = 1)
    {
        Device = TestDevice.Open(threads);
        arena = new Arena(Device, 64L << 20);
    }

    protected Device Device { get; }

    public void Dispose()
    {
        arena.Dispose();
        Device.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Tensor Empty(Shape shape, DType dtype = DType.Float32) => arena.Allocate(dtype, shape);

    protected Tensor Zeros(Shape shape, DType dtype = DType.Float32)
    {
        Tensor tensor = Empty(shape, dtype);
        tensor.Clear();
        return tensor;
    }

    protected Tensor From<T>(T[] values, Shape shape) where T : unmanaged
    {
        Tensor tensor = Empty(shape, DTypes.Of<T>());
        tensor.CopyFrom<T>(values);
        return tensor;
    }

    protected Tensor From<T>(params T[] values) where T : unmanaged => From(values, [values.Length]);

    /// <summary>The same values at an address that is aligned to one element only.</summary>
    protected Tensor Unaligned(float[] values, Shape shape)
    {
        Tensor room = Empty([values.Length + 1]);
        Tensor tensor = Tensor.Borrow(Device, room.Address + sizeof(float), DType.Float32, shape);
        tensor.CopyFrom<float>(values);
        return tensor;
    }

    /// <summary>Standard normal numbers times <paramref name="scale"/>, the same for the same seed.</summary>
    protected static float[] Normal(int count, int seed, float scale = 1)
    {
        Random random = new(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(scale * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }

    /// <summary>Every value within <paramref name="absolute"/> + <paramref name="relative"/> |reference| of the reference.</summary>
    protected static void AssertClose(ReadOnlySpan<double> reference, ReadOnlySpan<float> actual, double relative,
        double absolute)
    {
        Assert.Equal(reference.Length, actual.Length);
        for (int i = 0; i < reference.Length; i++)
        {
            double error = Math.Abs(actual[i] - reference[i]);
            bool same = double.IsNaN(reference[i]) ? float.IsNaN(actual[i])
                : double.IsInfinity(reference[i]) ? reference[i] == actual[i]
                : error <= absolute + relative * Math.Abs(reference[i]);
            Assert.True(same, $"element {i}: wanted {reference[i]:R}, got {actual[i]:R}");
        }
    }

    /// <summary>The same bits, NaN payloads included.</summary>
    protected static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(BitConverter.SingleToUInt32Bits(expected[i]) == BitConverter.SingleToUInt32Bits(actual[i]),
                $"element {i}: wanted {expected[i]:R}, got {actual[i]:R}");
        }
    }

    /// <summary>The CUDA kernels, on a GPU or under the emulated driver, write what the CPU writes.</summary>
    protected static void AssertDevicesAgree<TTests>(Func<TTests> open, Func<TTests, float[]> compute, float tolerance = 0)
        where TTests : OpTests
    {
        float[] Run()
        {
            using TTests tests = open();
            return compute(tests);
        }

        float[] cuda = [], cpu = TestDevice.OnCpu(Run);
        try
        {
            cuda = TestDevice.OnCuda(Run);
        }
        catch (DeviceException error) when (error.Status == 2)
        {
            Assert.Skip(error.Message); // an op that the CPU has alone
        }

        Assert.Equal(cpu.Length, cuda.Length);
        for (int i = 0; i < cpu.Length; i++)
        {
            // A GPU has one NaN, the CPU keeps payloads.
            bool same = cpu[i].Equals(cuda[i]) && (cpu[i] != 0 || float.IsNegative(cpu[i]) == float.IsNegative(cuda[i]));
            Assert.True(same || Math.Abs(cpu[i] - cuda[i]) <= tolerance * Math.Abs(cpu[i]),
                $"element {i}: the CPU gives {cpu[i]:R}, the CUDA device {cuda[i]:R}");
        }
    }
}
