namespace Gimbal.Training;

/// <summary>What an observation or an action looks like: a vector of numbers within bounds, or one choice of several.</summary>
public readonly record struct Space
{
    private Space(float low, float high, int size, int choices) => (Low, High, Size, Choices) = (low, high, size, choices);

    /// <summary>Number of floats that the value takes: of a box its dimension, of a choice 1, which holds the index.</summary>
    public int Size { get; }

    /// <summary>Number of choices of a discrete space; 0 for a box.</summary>
    public int Choices { get; }

    /// <summary>Least value of every element; minus infinity where unbounded.</summary>
    public float Low { get; }

    /// <summary>Greatest value of every element; infinity where unbounded.</summary>
    public float High { get; }

    /// <summary>Whether the value is one choice of several.</summary>
    public bool IsDiscrete => Choices > 0;

    /// <summary>Clips every element of actions to the bounds of a box; leaves choices alone.</summary>
    public void Clip(Span<float> values)
    {
        if (IsDiscrete || (float.IsInfinity(Low) && float.IsInfinity(High)))
        {
            return;
        }

        foreach (ref float value in values)
        {
            value = Math.Clamp(value, Low, High);
        }
    }

    /// <summary>Squashes every element of actions into the bounds of a box, low + (high - low) (1 + tanh x) / 2; not choices.</summary>
    public void Squash(Span<float> values)
    {
        if (IsDiscrete)
        {
            return;
        }

        foreach (ref float value in values)
        {
            value = Low + (High - Low) * 0.5f * (1 + MathF.Tanh(value));
        }
    }

    /// <summary>A vector of <paramref name="size"/> unbounded numbers.</summary>
    public static Space Box(int size) => Box(float.NegativeInfinity, float.PositiveInfinity, size);

    /// <summary>A vector of <paramref name="size"/> numbers, each within [low, high].</summary>
    public static Space Box(float low, float high, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        return low < high
            ? new Space(low, high, size, 0)
            : throw new ArgumentException($"a box from {low} to {high}: the low bound must be below the high one", nameof(low));
    }

    /// <summary>One of the choices 0 .. <paramref name="choices"/> - 1.</summary>
    public static Space Discrete(int choices)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        return new Space(0, choices - 1, 1, choices);
    }
}
