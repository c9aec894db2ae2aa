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

    /// <summary>The float32 weights.</summary>
    public Tensor Value { get; internal set; }

    /// <summary>The float32 gradient; empty in a frozen store.</summary>
    public Tensor Gradient { get; internal set; }

    /// <summary>True if the store trains.</summary>
    public bool IsTrainable => !Gradient.IsEmpty;

    /// <summary>The weight (out, in) packed as the right-hand side of y = x W^T, up to date.</summary>
    internal PackedMatrix Packed()
    {
        packed ??= new PackedMatrix(store.Device, n: Shape.Rows, k: Shape.Width);
        packed.Update(Value, transposed: true, store.Version);
        return packed;
    }

    /// <summary>The weight (out, in) packed as the right-hand side of dx = dy W, up to date.</summary>
    internal PackedMatrix PackedTransposed()
    {
        packedTransposed ??= new PackedMatrix(store.Device, n: Shape.Width, k: Shape.Rows);
        packedTransposed.Update(Value, transposed: false, store.Version);
        return packedTransposed;
    }

    internal long PackedBytes => (packed?.Bytes ?? 0) + (packedTransposed?.Bytes ?? 0);

    internal void ReleasePacks()
    {
        packed?.Dispose();
        packedTransposed?.Dispose();
        (packed, packedTransposed) = (null, null);
    }
}
