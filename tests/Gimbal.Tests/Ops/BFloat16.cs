using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>bfloat16 on the host: the upper half of a float, rounded to nearest even.</summary>
internal static class BFloat16
{
    /// <summary>The distance from 1 to the next number.</summary>
    public const double Epsilon = 1.0 / 128;

    /// <summary>The nearest bfloat16, as a float.</summary>
    public static float Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? float.NaN
            : BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }

    public static float[] Round(float[] values) => [.. values.Select(Round)];

    /// <summary>Writes values, which must be bfloat16 already, to a tensor of that type.</summary>
    public static void CopyFrom(this Tensor tensor, float[] values)
    {
        byte[] bytes = new byte[2 * values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            Assert.Equal(0u, bits & 0xffff);
            bytes[2 * i] = (byte)(bits >> 16);
            bytes[2 * i + 1] = (byte)(bits >> 24);
        }

        Bytes(tensor).CopyFrom<byte>(bytes);
    }

    /// <summary>The elements of a tensor of either floating type.</summary>
    public static float[] ToFloats(this Tensor tensor)
    {
        if (tensor.DType == DType.Float32)
        {
            return tensor.ToArray<float>();
        }

        byte[] bytes = Bytes(tensor).ToArray<byte>();
        float[] values = new float[bytes.Length / 2];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)(bytes[2 * i] | bytes[2 * i + 1] << 8) << 16);
        }

        return values;
    }

    private static Tensor Bytes(Tensor tensor) =>
        Tensor.Borrow(tensor.Device, tensor.Address, DType.UInt8, [(int)tensor.Count * 2]);
}
