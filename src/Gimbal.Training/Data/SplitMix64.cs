namespace Gimbal.Training;

/// <summary>
/// The counter generator SplitMix64 (Steele, Lea and Flood 2014) for data and environments: its whole state is one number.
/// Sampling from a model uses Philox instead, which also runs on devices.
/// </summary>
internal struct SplitMix64(ulong state)
{
    /// <summary>Restores or saves the generator.</summary>
    public ulong State { get; set; } = state;

    /// <summary>A generator whose stream depends on all of several numbers.</summary>
    public static SplitMix64 Keyed(ulong seed, ulong key) => new(Mix(Mix(seed) + key));

    /// <summary>Uniform over all 64-bit numbers.</summary>
    public ulong Next()
    {
        State += 0x9E3779B97F4A7C15;
        return Mix(State);
    }

    /// <summary>Uniform in [0, 1), of 53 bits.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double NextDouble(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>Uniform over 0 .. bound - 1, without bias (Lemire 2019).</summary>
    public int Below(int bound)
    {
        ulong range = (ulong)bound;
        ulong high = Math.BigMul(Next(), range, out ulong low);
        if (low < range)
        {
            ulong threshold = (0 - range) % range;
            while (low < threshold)
            {
                high = Math.BigMul(Next(), range, out low);
            }
        }

        return (int)high;
    }

    /// <summary>Shuffles in place, every order equally likely (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
