namespace Gimbal.Training;

/// <summary>
/// The metrics of one step by name, in the order first set. Meant to be kept and filled anew each step: a name costs memory
/// the first time only, and <see cref="Clear"/> keeps the names.
/// </summary>
public sealed class MetricRow
{
    private string[] names = new string[32];
    private double[] values = new double[32];
    private bool[] isSet = new bool[32];

    /// <summary>Names known so far, set in this step or not.</summary>
    public int Count { get; private set; }

    /// <summary>The value of a metric; reading one that is not set gives NaN.</summary>
    /// <param name="name">A name of <see cref="MetricNames"/> or the caller's own.</param>
    public double this[string name]
    {
        get
        {
            int index = IndexOf(name);
            return index >= 0 && isSet[index] ? values[index] : double.NaN;
        }
        set
        {
            int index = IndexOf(name);
            if (index < 0)
                index = Append(name);
            values[index] = value;
            isSet[index] = true;
        }
    }

    /// <summary>The name at an index below <see cref="Count"/>.</summary>
    public string NameAt(int index) => names[index];

    /// <summary>The value at an index below <see cref="Count"/>, if it was set in this step.</summary>
    public bool TryGetAt(int index, out double value)
    {
        value = values[index];
        return isSet[index];
    }

    /// <summary>Forgets the values and keeps the names.</summary>
    public void Clear() => Array.Clear(isSet, 0, Count);

    /// <summary>A copy of what is set, to keep beyond the step.</summary>
    public IReadOnlyDictionary<string, double> ToDictionary()
    {
        Dictionary<string, double> copy = [];
        for (int i = 0; i < Count; i++)
        {
            if (isSet[i])
                copy[names[i]] = values[i];
        }

        return copy;
    }

    private int IndexOf(string name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (ReferenceEquals(names[i], name) || names[i] == name)
                return i;
        }

        return -1;
    }

    private int Append(string name)
    {
        if (Count == names.Length)
        {
            Array.Resize(ref names, 2 * Count);
            Array.Resize(ref values, 2 * Count);
            Array.Resize(ref isSet, 2 * Count);
        }

        names[Count] = name;
        return Count++;
    }
}
