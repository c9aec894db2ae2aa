namespace Gimbal.Tensors;

/// <summary>One weight of a model: a named view of the blocks of its <see cref="ParameterStore"/>.</summary>
public sealed class Parameter
{
    private readonly ParameterStore store;
    private PackedMatrix? packed;
    private PackedMatrix? packedTransposed;

    internal Parameter(ParameterStore store, string name, Shape shape, bool decays)
    {
        (this.store, Name, Shape, Decays) = (store, name, shape, decays);
    }

    /// <summary>Name, unique within the store.</summary>
    public string Name { get; }

    /// <summary>Extents; a matrix is (out, in).</summary>
    public Shape Shape { get; }

    /// <summary>Whether weight decay applies: matrices as a rule, norms and biases not.</summary>
    public bool Decays { get; }

    /// <summary>The weights that ops read: in the element type of the store if they decay, else float32.</summary>
    public Tensor Value { get; internal set; }

    /// <summary>The float32 weights that are trained and saved; empty where a frozen bfloat16 store keeps none.</summary>
    public Tensor Master { get; internal set; }

    /// <summary>The float32 gradient; empty in a frozen store.</summary>
    public Tensor Gradient { get; internal set; }

    /// <summary>True if the store trains.</summary>
    public bool IsTrainable => !Gradient.IsEmpty;

    /// <summary>Sets weights: float32 as they are, what ops read rounded. <see cref="ParameterStore.Touch"/> belongs behind it.</summary>
    /// <param name="start">First element.</param>
    /// <param name="values">As many as there are from it, or fewer.</param>
    public void Write(long start, ReadOnlySpan<float> values)
    {
        if (!Master.IsEmpty)
        {
            Range(Master, start, values.Length).CopyFrom(values);
        }

        if (Value.DType == DType.BFloat16)
        {
            ushort[] halves = new ushort[values.Length];
            BFloat16.Round(values, halves);
            Range(Value, start, values.Length).CopyFrom<ushort>(halves);
        }
    }

    /// <summary>The weights as float32, those that are trained where there are any.</summary>
    /// <param name="start">First element.</param>
    /// <param name="count">How many.</param>
    public float[] Read(long start, long count)
    {
        if (!Master.IsEmpty)
        {
            return Range(Master, start, count).ToArray<float>();
        }

        float[] values = new float[count];
        BFloat16.Widen(Range(Value, start, count).ToArray<ushort>(), values);
        return values;
    }

    /// <summary>All weights as float32.</summary>
    public float[] Read() => Read(0, Shape.Count);

    /// <summary>The weights of a parameter of the same shape, on the same device; its element type may be another.</summary>
    internal void CopyFrom(Parameter source)
    {
        if (source.Value.DType != Value.DType || (source.Master.IsEmpty && !Master.IsEmpty))
        {
            Write(0, source.Read());
            return;
        }

        Value.CopyFrom(source.Value);
        if (Value.DType == DType.BFloat16 && !Master.IsEmpty)
        {
            Master.CopyFrom(source.Master);
        }
    }

    /// <summary>The weight (out, in) packed as the right-hand side of y = x W^T, up to date.</summary>
    internal PackedMatrix Packed()
    {
        packed ??= new PackedMatrix(store.Device, n: Shape.Rows, k: Shape.Width, Value.DType);
        packed.Update(Value, transposed: true, store.Version);
        return packed;
    }

    /// <summary>The weight (out, in) packed as the right-hand side of dx = dy W, up to date.</summary>
    internal PackedMatrix PackedTransposed()
    {
        packedTransposed ??= new PackedMatrix(store.Device, n: Shape.Width, k: Shape.Rows, Value.DType);
        packedTransposed.Update(Value, transposed: false, store.Version);
        return packedTransposed;
    }

    /// <summary>Bytes of the packs that a model makes of a matrix of its products: one, or two if it trains.</summary>
    public long PackBytes => PackedMatrix.BytesFor(Shape.Rows, Shape.Width, Value.DType) +
        (IsTrainable ? PackedMatrix.BytesFor(Shape.Width, Shape.Rows, Value.DType) : 0);

    internal long PackedBytes => (packed?.Bytes ?? 0) + (packedTransposed?.Bytes ?? 0);

    internal void ReleasePacks()
    {
        packed?.Dispose();
        packedTransposed?.Dispose();
        (packed, packedTransposed) = (null, null);
    }

    private static Tensor Range(in Tensor all, long start, long count) =>
        all.Reshape(new Shape(all.Count)).RowRange(start, count);
}
