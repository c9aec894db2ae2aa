using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Tensors of random numbers in the ranges that training meets; never zeros, which some processors multiply faster.</summary>
internal sealed class BenchData(Device device, Arena arena, bool quick, DType dtype = DType.Float32) : IDisposable
{
    private readonly Random random = new(1);
    private readonly List<IDisposable> owned = [];

    public Device Device { get; } = device;

    /// <summary>Element type of weights and activations.</summary>
    public DType DType { get; } = dtype;

    /// <summary>A number of rows: the one given, or, in a quick run, a sixty-fourth.</summary>
    public int Rows(int rows) => quick ? Math.Max(2, rows / 64) : rows;

    /// <summary>Normal numbers.</summary>
    public Tensor Normal(Shape shape, float scale = 1, float mean = 0)
    {
        Tensor tensor = New(shape);
        tensor.CopyFrom<float>(Numbers(shape, scale, mean));
        return tensor;
    }

    /// <summary>Normal numbers, stored as weights and activations are.</summary>
    public Tensor Stored(Shape shape, float scale = 1)
    {
        if (DType == DType.Float32)
            return Normal(shape, scale);
        Tensor tensor = New(shape, DType);
        ushort[] halves = new ushort[shape.Count];
        BFloat16.Round(Numbers(shape, scale, 0), halves);
        tensor.CopyFrom<ushort>(halves);
        return tensor;
    }

    private float[] Numbers(Shape shape, float scale, float mean)
    {
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(mean + scale * radius * cosine);
            if (i + 1 < values.Length)
                values[i + 1] = (float)(mean + scale * radius * sine);
        }

        return values;
    }

    /// <summary>Log-probabilities of sampled tokens: negative, around -1.</summary>
    public Tensor Logprobs(Shape shape) => Normal(shape, 0.2f, -1);

    /// <summary>Integers from 0 to <paramref name="below"/> - 1.</summary>
    public Tensor Ids(int count, int below) => From([.. Enumerable.Range(0, count).Select(_ => random.Next(below))]);

    /// <summary>0, 1, 2, ...</summary>
    public Tensor Counting(int count, int start = 0, int step = 1) =>
        From([.. Enumerable.Range(0, count).Select(i => start + i * step)]);

    /// <summary>A permutation of 0 .. count - 1.</summary>
    public Tensor Shuffled(int count)
    {
        int[] values = [.. Enumerable.Range(0, count)];
        random.Shuffle(values);
        return From(values);
    }

    /// <summary>Bytes of 0 and 1.</summary>
    public Tensor Flags(Shape shape, double probability)
    {
        Tensor tensor = New(shape, DType.UInt8);
        tensor.CopyFrom<byte>([.. Enumerable.Range(0, (int)shape.Count).Select(_ => (byte)(random.NextDouble() < probability ? 1 : 0))]);
        return tensor;
    }

    public Tensor From(int[] values)
    {
        Tensor tensor = New([values.Length], DType.Int32);
        tensor.CopyFrom<int>(values);
        return tensor;
    }

    /// <summary>Keeps what a case needs until it was timed.</summary>
    public T Own<T>(T resource) where T : IDisposable
    {
        owned.Add(resource);
        return resource;
    }

    public void Dispose() => owned.ForEach(resource => resource.Dispose());

    /// <summary>An output: zeroed, so that its pages exist before the clock runs.</summary>
    public Tensor New(Shape shape, DType dtype = DType.Float32)
    {
        Tensor tensor = arena.Allocate(dtype, shape);
        tensor.Clear();
        return tensor;
    }
}
