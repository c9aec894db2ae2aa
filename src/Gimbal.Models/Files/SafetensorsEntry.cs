namespace Gimbal.Models;

/// <summary>Element types of the safetensors format.</summary>
public enum SafetensorsDType
{
    /// <summary>IEEE single precision, <c>F32</c>.</summary>
    Float32,

    /// <summary>The upper half of a single, <c>BF16</c>.</summary>
    BFloat16,

    /// <summary>IEEE half precision, <c>F16</c>.</summary>
    Float16,

    /// <summary>IEEE double precision, <c>F64</c>.</summary>
    Float64,

    /// <summary>Signed 64-bit, <c>I64</c>.</summary>
    Int64,

    /// <summary>Signed 32-bit, <c>I32</c>.</summary>
    Int32,

    /// <summary>Signed 16-bit, <c>I16</c>.</summary>
    Int16,

    /// <summary>Signed 8-bit, <c>I8</c>.</summary>
    Int8,

    /// <summary>Unsigned 64-bit, <c>U64</c>.</summary>
    UInt64,

    /// <summary>Unsigned 32-bit, <c>U32</c>.</summary>
    UInt32,

    /// <summary>Unsigned 16-bit, <c>U16</c>.</summary>
    UInt16,

    /// <summary>Unsigned 8-bit, <c>U8</c>.</summary>
    UInt8,

    /// <summary>One byte, 0 or 1, <c>BOOL</c>.</summary>
    Boolean,
}

/// <summary>What a safetensors header says about one tensor.</summary>
public sealed class SafetensorsEntry
{
    internal SafetensorsEntry(SafetensorsFile file, string name, SafetensorsDType dtype, long[] shape, long count,
        long begin, long end) =>
        (File, Name, DType, Shape, Count, Begin, End) = (file, name, dtype, shape, count, begin, end);

    /// <summary>Name of the tensor, for example <c>model.embed_tokens.weight</c>.</summary>
    public string Name { get; }

    /// <summary>Type of its elements in the file.</summary>
    public SafetensorsDType DType { get; }

    /// <summary>Its sizes, outermost first; row-major. Empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of elements: the product of <see cref="Shape"/>.</summary>
    public long Count { get; }

    internal SafetensorsFile File { get; }

    /// <summary>Byte range [Begin, End) within the data of the file, which begins behind the header.</summary>
    internal long Begin { get; }

    internal long End { get; }

    /// <summary>Name, type and shape, as in <c>lm_head.weight BFloat16 (512, 64)</c>.</summary>
    public override string ToString() => $"{Name} {DType} ({string.Join(", ", Shape)})";
}
