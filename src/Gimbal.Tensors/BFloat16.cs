namespace Gimbal.Tensors;

/// <summary>bfloat16, the upper half of a float32, in host memory.</summary>
public static class BFloat16
{
    /// <summary>Rounds to nearest, ties to even, as the kernels do; NaN becomes 0x7fff.</summary>
    public static void Round(ReadOnlySpan<float> values, Span<ushort> halves)
    {
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            halves[i] = float.IsNaN(values[i]) ? (ushort)0x7FFF : (ushort)(bits + 0x7FFF + (bits >> 16 & 1) >> 16);
        }
    }

    /// <summary>The float32 of the same value.</summary>
    public static void Widen(ReadOnlySpan<ushort> halves, Span<float> values)
    {
        for (int i = 0; i < halves.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
        }
    }
}
