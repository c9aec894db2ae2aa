using System.Runtime.CompilerServices;

namespace Gimbal.Tensors;

/// <summary>
/// A view of device memory: address, element type, shape and the distance between rows. It owns nothing; a tensor of an
/// arena throws when it is used after its scope was rewound.
/// </summary>
/// <remarks>Rows may be strided (a slice of columns); within a row elements are dense.</remarks>
public readonly unsafe struct Tensor
{
    private readonly Device? device;
    private readonly Lifetime lifetime;
    private readonly Shape shape;

    internal Tensor(Device device, nint address, DType dtype, in Shape shape, Lifetime lifetime = default,
        long rowStride = 0, Gradient? gradient = null)
    {
        (this.device, Address, DType, this.shape, this.lifetime) = (device, address, dtype, shape, lifetime);
        RowStride = rowStride == 0 ? shape.Width : rowStride;
        Gradient = gradient;
    }

    /// <summary>The device whose memory it is.</summary>
    /// <exception cref="InvalidOperationException">The tensor is empty (<c>default</c>).</exception>
    public Device Device => device ?? throw new InvalidOperationException("the tensor is empty");

    /// <summary>True for <c>default</c>: an optional tensor that was not given.</summary>
    public bool IsEmpty => device is null;

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Extents.</summary>
    public Shape Shape => shape;

    /// <summary>Number of elements.</summary>
    public long Count => shape.Count;

    /// <summary>First extent.</summary>
    public long Rows => shape.Rows;

    /// <summary>Elements of a row.</summary>
    public long Width => shape.Width;

    /// <summary>Elements from the start of a row to the start of the next.</summary>
    public long RowStride { get; }

    /// <summary>True if the rows follow each other without gaps.</summary>
    public bool IsDense => RowStride == shape.Width || shape.Rows <= 1;

    /// <summary>Where the gradient of this tensor is gathered; none outside a recording tape.</summary>
    internal Gradient? Gradient { get; }

    internal nint Address { get; }

    /// <summary>The address, for the engine; null for an empty tensor.</summary>
    /// <exception cref="ObjectDisposedException">The arena scope of the tensor was rewound.</exception>
    internal void* Pointer
    {
        get
        {
            if (!lifetime.IsAlive)
            {
                ThrowDead();
            }

            return (void*)Address;
        }
    }

    /// <summary>A view of memory that the caller owns and keeps alive: device pointers of another library, say.</summary>
    /// <param name="device">The device whose memory it is.</param>
    /// <param name="address">Aligned to the element size.</param>
    /// <param name="dtype">Element type.</param>
    /// <param name="shape">Extents; rows are dense.</param>
    public static Tensor Borrow(Device device, nint address, DType dtype, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (address == 0 && shape.Count > 0)
        {
            throw new ArgumentNullException(nameof(address), $"a tensor {shape} needs memory");
        }

        if (address % dtype.Size() != 0)
        {
            throw new ArgumentException($"the address is not aligned to {dtype.Size()} bytes", nameof(address));
        }

        return new Tensor(device, address, dtype, shape);
    }

    /// <summary>Rows <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> - 1.</summary>
    public Tensor RowRange(long start, long count)
    {
        if (start < 0 || count < 0 || start + count > Rows)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"rows {start} to {start + count} of {shape}");
        }

        return new Tensor(Device, Address + (nint)(start * RowStride * DType.Size()), DType, shape.WithRows(count),
            lifetime, RowStride);
    }

    /// <summary>Columns <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> - 1 of every row.</summary>
    public Tensor Columns(long start, long count)
    {
        if (start < 0 || count < 0 || start + count > Width)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"columns {start} to {start + count} of {shape}");
        }

        return new Tensor(Device, Address + (nint)(start * DType.Size()), DType, [Rows, count], lifetime, RowStride);
    }

    /// <summary>The same elements under another shape of the same count.</summary>
    public Tensor Reshape(Shape other)
    {
        if (!IsDense || other.Count != Count)
        {
            throw new ArgumentException($"{shape} with row stride {RowStride} cannot become {other}", nameof(other));
        }

        return new Tensor(Device, Address, DType, other, lifetime, 0, Gradient);
    }

    /// <summary>Copies host memory in. Dense tensors only.</summary>
    public void CopyFrom<T>(ReadOnlySpan<T> source) where T : unmanaged
    {
        CheckHost<T>(source.Length);
        fixed (T* p = source)
        {
            Device.Copy((nint)p, (nint)Pointer, Count * sizeof(T), CopyKind.HostToDevice);
        }
    }

    /// <summary>Copies out to host memory, after all queued work. Dense tensors only.</summary>
    public void CopyTo<T>(Span<T> destination) where T : unmanaged
    {
        CheckHost<T>(destination.Length);
        fixed (T* p = destination)
        {
            Device.Copy((nint)Pointer, (nint)p, Count * sizeof(T), CopyKind.DeviceToHost);
        }
    }

    /// <summary>Copies another tensor of the same element type and count on the same device. Dense tensors only.</summary>
    public void CopyFrom(in Tensor source)
    {
        if (source.DType != DType || source.Count != Count || !source.IsDense || !IsDense)
        {
            throw new ArgumentException($"wanted a dense {DType} {shape}, got {source.DType} {source.shape}", nameof(source));
        }

        Device.Copy((nint)source.Pointer, (nint)Pointer, Count * DType.Size(), CopyKind.DeviceToDevice);
    }

    /// <summary>A copy in host memory, for reports and tests.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        T[] values = new T[Count];
        CopyTo(values.AsSpan());
        return values;
    }

    /// <summary>Sets every byte to 0. Dense tensors only.</summary>
    public void Clear()
    {
        if (!IsDense)
        {
            throw new InvalidOperationException("only a dense tensor can be cleared");
        }

        Device.Fill((nint)Pointer, 0, Count * DType.Size());
    }

    /// <inheritdoc/>
    public override string ToString() => IsEmpty ? "no tensor" : $"{DType} {shape} on {Device.Name}";

    internal Tensor WithGradient(Gradient? gradient) =>
        new(Device, Address, DType, shape, lifetime, RowStride, gradient);

    private void CheckHost<T>(int length) where T : unmanaged
    {
        if (sizeof(T) != DType.Size() || length != Count || !IsDense)
        {
            throw new ArgumentException(
                $"wanted {Count} elements of {DType} for a dense {shape}, got {length} of {typeof(T).Name}");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowDead() =>
        throw new ObjectDisposedException(nameof(Tensor), $"{DType} {shape}: its arena scope was rewound");
}
