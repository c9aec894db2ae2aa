namespace Gimbal.Tensors;

/// <summary>
/// Philox4x32-10 (Salmon et al. 2011): random numbers addressed by a key and a counter, so that a draw depends on what it is
/// for and not on what was drawn before. The engine's <c>sample_token</c> uses the same function.
/// </summary>
public static class Philox
{
    /// <summary>Four random words of 32 bits for a counter of four words and a key of two.</summary>
    public static (uint X, uint Y, uint Z, uint W) Draw(uint x, uint y, uint z, uint w, uint key0, uint key1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong a = 0xD2511F53UL * x, b = 0xCD9E8D57UL * z;
            (x, y, z, w) = ((uint)(b >> 32) ^ y ^ key0, (uint)b, (uint)(a >> 32) ^ w ^ key1, (uint)a);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }

        return (x, y, z, w);
    }

    /// <summary>Four words for a draw numbered <paramref name="index"/> of a purpose.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="purpose">What the numbers are for, so that two uses never share them.</param>
    /// <param name="index">Number of the draw.</param>
    public static (uint X, uint Y, uint Z, uint W) Draw(ulong seed, uint purpose, ulong index) =>
        Draw((uint)index, (uint)(index >> 32), purpose, 0, (uint)seed, (uint)(seed >> 32));

    /// <summary>A uniform number in [0, 1) with 24 bits.</summary>
    public static float Uniform(uint word) => (word >> 8) * (1f / (1 << 24));

    /// <summary>Fills with numbers of the normal distribution of mean 0 (Box-Muller, in double).</summary>
    /// <param name="values">Receives them.</param>
    /// <param name="deviation">Standard deviation.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="first">Even: number of the first of them in a longer row that is filled piece by piece.</param>
    public static void Normal(Span<float> values, float deviation, ulong seed, uint purpose, ulong first = 0)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            (uint x, uint y, _, _) = Draw(seed, purpose, first + (ulong)i);
            double radius = Math.Sqrt(-2 * Math.Log((x + 1.0) / 4294967296.0));
            double angle = 2 * Math.PI * (y / 4294967296.0);
            values[i] = (float)(deviation * radius * Math.Cos(angle));
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(deviation * radius * Math.Sin(angle));
            }
        }
    }
}
