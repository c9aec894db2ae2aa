using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Makes the tensors that ops are timed on: random numbers of plausible sizes, the same in every run.</summary>
internal sealed class BenchInputs(Arena arena, StepStateBuffer state)
{
    private readonly Random random = new(1);

    /// <summary>The state of a first optimizer step.</summary>
    public Tensor State()
    {
        state.WriteOptimizer(1, 1e-4f, 0.9f, 0.95f);
        return state.Tensor;
    }

    /// <summary>Normal numbers.</summary>
    public Tensor Normal(Shape shape, float scale = 1)
    {
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = scale * (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2;
        return Upload<float>(DType.Float32, shape, values);
    }

    /// <summary>Numbers below 0, as log-probabilities are.</summary>
    public Tensor Logprobs(Shape shape)
    {
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = -5 * (float)random.NextDouble();
        return Upload<float>(DType.Float32, shape, values);
    }

    /// <summary>One number everywhere.</summary>
    public Tensor Filled(Shape shape, float value)
    {
        float[] values = new float[shape.Count];
        Array.Fill(values, value);
        return Upload<float>(DType.Float32, shape, values);
    }

    /// <summary>Whole numbers from 0 to below a bound.</summary>
    public Tensor Ids(long count, int bound)
    {
        int[] values = new int[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.Next(bound);
        return Upload<int>(DType.Int32, new Shape(count), values);
    }

    /// <summary>first, first + step, ...</summary>
    public Tensor Range(int count, int first, int step) =>
        Upload<int>(DType.Int32, new Shape(count), [.. Enumerable.Range(0, count).Select(i => first + (i * step))]);

    /// <summary>0, 1, .. as 64-bit numbers.</summary>
    public Tensor LongRange(int count) => Upload<long>(DType.Int64, new Shape(count), [.. Enumerable.Range(0, count).Select(i => (long)i)]);

    /// <summary>An output; its contents do not matter.</summary>
    public Tensor Output(Shape shape, DType dtype = DType.Float32)
    {
        Tensor tensor = arena.Allocate(dtype, shape);
        tensor.Clear();
        return tensor;
    }

    private Tensor Upload<T>(DType dtype, Shape shape, T[] values) where T : unmanaged
    {
        Tensor tensor = arena.Allocate(dtype, shape);
        tensor.CopyFrom<T>(values);
        return tensor;
    }
}
