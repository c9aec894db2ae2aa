namespace Gimbal.Tensors;

/// <summary>Element types, with the values of <c>gb_dtype</c>.</summary>
public enum DType
{
    /// <summary>IEEE single precision.</summary>
    Float32 = 0,

    /// <summary>The upper half of a single.</summary>
    BFloat16 = 1,

    /// <summary>Token ids, positions, row indices.</summary>
    Int32 = 2,

    /// <summary>Masks and flags.</summary>
    UInt8 = 3,

    /// <summary>Statistics.</summary>
    Float64 = 4,

    /// <summary>Sample numbers.</summary>
    Int64 = 5,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.BFloat16 => 2,
        DType.UInt8 => 1,
        DType.Float64 or DType.Int64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not an element type"),
    };

    /// <summary>The element type of a managed type.</summary>
    public static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(long) ? DType.Int64
        : throw new ArgumentException($"{typeof(T)} is no element type of a tensor");
}
