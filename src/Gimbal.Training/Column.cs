using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// One number for each token, sequence or pair of a micro-batch, on its way to or from the device. The host array grows to the
/// largest batch and stays.
/// </summary>
internal sealed class Column
{
    private float[] values = new float[64];
    private int count;

    public ReadOnlySpan<float> Values => values.AsSpan(0, count);

    public void Clear() => count = 0;

    public void Add(float value) => Extend(1)[0] = value;

    public void AddRange(ReadOnlySpan<float> more) => more.CopyTo(Extend(more.Length));

    public void AddRepeated(float value, int times) => Extend(times).Fill(value);

    /// <summary>Room for more numbers, to be written before the next call.</summary>
    public Span<float> AddRoom(int more) => Extend(more);

    /// <summary>Copies to the device, into the arena's innermost scope.</summary>
    public Tensor Upload(Arena arena)
    {
        Tensor tensor = arena.Allocate(DType.Float32, new Shape(count), "a batch");
        tensor.CopyFrom(Values);
        return tensor;
    }

    /// <summary>Takes the values of a tensor.</summary>
    public ReadOnlySpan<float> Download(scoped in Tensor tensor)
    {
        Clear();
        tensor.CopyTo(Extend((int)tensor.Count));
        return Values;
    }

    /// <summary>The sum of a tensor's values, in double.</summary>
    public double SumOf(in Tensor tensor)
    {
        double sum = 0;
        foreach (float value in Download(tensor))
        {
            sum += value;
        }

        return sum;
    }

    private Span<float> Extend(int more)
    {
        if (count + more > values.Length)
        {
            Array.Resize(ref values, Math.Max(count + more, 2 * values.Length));
        }

        count += more;
        return values.AsSpan(count - more, more);
    }
}
