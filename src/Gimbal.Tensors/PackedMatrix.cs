using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>
/// A right-hand matrix (k, n) of <see cref="Ops.MatmulPacked"/>, kept in the layout of the kernels. It owns its memory, and
/// knows which version of the weights it holds.
/// </summary>
public sealed unsafe class PackedMatrix : IDisposable
{
    private readonly PackedHandle handle;

    /// <summary>Takes the memory; it holds nothing until <see cref="Update"/>.</summary>
    /// <param name="device">Where.</param>
    /// <param name="n">Columns.</param>
    /// <param name="k">Rows: the depth of the product.</param>
    /// <param name="dtype">Element type of the pack.</param>
    /// <exception cref="DeviceException">A size is negative, the type is not supported or there is no memory.</exception>
    public PackedMatrix(Device device, long n, long k, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(device);
        (Device, N, K, DType) = (device, n, k, dtype);
        NativeMethods.gb_packed_create(device.Context, n, k, (int)dtype, out handle).Check();
    }

    /// <summary>Whose memory it is.</summary>
    public Device Device { get; }

    /// <summary>Columns.</summary>
    public long N { get; }

    /// <summary>Rows: the depth of the product.</summary>
    public long K { get; }

    /// <summary>Element type of the pack.</summary>
    public DType DType { get; }

    /// <summary>Memory of the pack, in bytes: a function of the sizes alone, for memory plans.</summary>
    public long Bytes => BytesFor(N, K, DType);

    internal PackedHandle Handle => handle;

    /// <summary>Memory that a pack of these sizes takes, in bytes.</summary>
    public static long BytesFor(long n, long k, DType dtype = DType.Float32) =>
        NativeMethods.gb_packed_bytes(n, k, (int)dtype);

    /// <summary>Packs <paramref name="b"/>, unless the pack already holds <paramref name="version"/>.</summary>
    /// <param name="b">(k, n), or (n, k) if <paramref name="transposed"/>; rows may be strided.</param>
    /// <param name="transposed">True for weights (n, k) of a layer y = x b^T.</param>
    /// <param name="version">Of the weights; any change of them must change it.</param>
    /// <exception cref="ArgumentException">The shape is another.</exception>
    public void Update(in Tensor b, bool transposed, ulong version)
    {
        long rows = transposed ? N : K, width = transposed ? K : N;
        if (b.IsEmpty || b.Rows != rows || b.Width != width)
        {
            throw new ArgumentException($"wanted ({rows}, {width}), got {b}", nameof(b));
        }

        NativeMethods.gb_packed_update(Device.Context, handle, b.Pointer, b.RowStride, transposed ? 1 : 0, (int)b.DType,
            version).Check();
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => handle.Dispose();
}
