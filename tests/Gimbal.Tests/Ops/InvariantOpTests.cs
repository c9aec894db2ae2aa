using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// Tests of an op that hold for every op: the bits of its outputs depend on neither threads, nor alignment, nor the
/// instruction set, nor the device, and repeat.
/// </summary>
public abstract class InvariantOpTests(int threads) : OpTests(threads)
{
    private bool unaligned;

    /// <summary>The thread-count tests must have more than one task to hand out at this size.</summary>
    protected const int LargeCount = 40_003;

    /// <summary>Everything that the op writes, forward and backward, on inputs from <see cref="Place"/>.</summary>
    protected abstract float[] Compute();

    /// <summary>The same tests on a device with that many threads.</summary>
    protected abstract InvariantOpTests WithThreads(int count);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void ThreadsDoNotChangeBits(int count)
    {
        using InvariantOpTests other = WithThreads(count);
        AssertSameBits(Compute(), other.Compute());
        AssertSameBits(Compute(), other.Compute());
    }

    [Fact]
    public void AlignmentDoesNotChangeBits()
    {
        float[] aligned = Compute();
        unaligned = true;
        AssertSameBits(aligned, Compute());
    }

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => WithThreads(1), tests => tests.Compute(), DeviceTolerance);

    /// <summary>Largest relative difference between the devices: 0, the same bits, unless an op's kernel says why not.</summary>
    protected virtual float DeviceTolerance => 0;

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute, GetType().Name);

    /// <summary>A tensor of these values, aligned or not as the test wants it.</summary>
    protected Tensor Place(float[] values, Shape shape) => unaligned ? Unaligned(values, shape) : From(values, shape);

    /// <summary>A tensor to be written, full of a number that no op gives.</summary>
    protected Tensor Output(Shape shape) => Place([.. Enumerable.Repeat(-12345.5f, (int)shape.Count)], shape);

    /// <summary>The engine refuses a type.</summary>
    protected static void AssertUnsupported(string argument, Action call) => AssertRefused(2, argument, call);

    /// <summary>The call is refused for an index outside its table; a GPU says so at the next synchronisation.</summary>
    protected void AssertOutOfRange(string message, Action call) => AssertRefused(4, message, () =>
    {
        call();
        Device.Synchronize();
    });

    /// <summary>The engine refuses an argument.</summary>
    protected static void AssertInvalid(string argument, Action call) => AssertRefused(1, argument, call);

    /// <summary>
    /// The gradient times a random direction is the central difference of the function along it, all in double.
    /// </summary>
    protected static void AssertIsGradient(Func<double[], double> function, double[] x, double[] gradient, int seed = 9)
    {
        float[] direction = Normal(x.Length, seed);
        const double Step = 1e-5;
        double ahead = function([.. x.Zip(direction, (v, d) => v + Step * d)]);
        double behind = function([.. x.Zip(direction, (v, d) => v - Step * d)]);
        double product = gradient.Zip(direction, (g, d) => g * d).Sum();
        double size = Math.Sqrt(gradient.Sum(g => g * g));
        Assert.Equal((ahead - behind) / (2 * Step), product, 1e-6 * (1 + size));
    }

    protected static double[] Wide(float[] values) => [.. values.Select(v => (double)v)];

    protected static double[] Wide(Tensor values) => Wide(values.ToArray<float>());

    private static void AssertRefused(int status, string message, Action call)
    {
        DeviceException error = Assert.Throws<DeviceException>(call);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(status, error.Status);
    }
}
