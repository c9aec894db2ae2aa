namespace Gimbal.Training;

/// <summary>
/// Which row stands at which place of an endless sequence of shuffled epochs. The answer depends on the seed and the place alone,
/// so that a resumed run needs no more than its step number. Not safe for use by several threads at once.
/// </summary>
/// <remarks>Each epoch is a Fisher-Yates shuffle keyed by (seed, epoch), made when it is first asked for and kept until another is.</remarks>
public sealed class DataOrder
{
    private readonly ulong seed;
    private readonly int[] order;
    private long orderedEpoch = -1;

    /// <summary>An order over the rows 0 .. <paramref name="count"/> - 1.</summary>
    public DataOrder(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        this.seed = seed;
        order = new int[count];
    }

    /// <summary>Number of rows of an epoch.</summary>
    public int Count => order.Length;

    /// <summary>Row at a place counted from the start of the first epoch; each epoch holds every row once.</summary>
    public int this[long position]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(position);
            (long epoch, long offset) = Math.DivRem(position, order.Length);
            if (epoch != orderedEpoch)
            {
                ShuffleEpoch(epoch);
            }

            return order[offset];
        }
    }

    /// <summary>Rows of a training step: the places step * rows.Length onwards.</summary>
    /// <param name="step">0-based step, every step with the same number of rows.</param>
    /// <param name="rows">Receives the rows.</param>
    public void Fill(long step, Span<int> rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        long start = checked(step * rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = this[start + i];
        }
    }

    private void ShuffleEpoch(long epoch)
    {
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        SplitMix64.Keyed(seed, (ulong)epoch).Shuffle(order.AsSpan());
        orderedEpoch = epoch;
    }
}
