namespace Gimbal.Training;

/// <summary>
/// The metrics of one step by name, in the order first set. Meant to be kept and filled anew each step: a name costs memory
/// the first time only, and <see cref="Clear"/> keeps the names.
/// </summary>
public sealed class MetricRow
{
    private string[] _names = new string[32];
    private double[] _values = new double[32];
    private bool[] _isSet = new bool[32];

    /// <summary>Names known so far, set in this step or not.</summary>
    public int Count { get; private set; }

    /// <summary>The value of a metric; reading one that is not set gives NaN.</summary>
    /// <param name="name">A name of <see cref="MetricNames"/> or the caller's own.</param>
    public double this[string name]
    {
        get
        {
            int index = IndexOf(name);
            return index >= 0 && _isSet[index] ? _values[index] : double.NaN;
        }
        set
        {
            int index = IndexOf(name);
            if (index < 0)
                index = Append(name);
            _values[index] = value;
            _isSet[index] = true;
        }
    }

    /// <summary>The name at an index below <see cref="Count"/>.</summary>
    public string NameAt(int index) => _names[index];

    /// <summary>The value at an index below <see cref="Count"/>, if it was set in this step.</summary>
    public bool TryGetAt(int index, out double value)
    {
        value = _values[index];
        return _isSet[index];
    }

    /// <summary>Forgets the values and keeps the names.</summary>
    public void Clear() => Array.Clear(_isSet, 0, Count);

    /// <summary>A copy of what is set, to keep beyond the step.</summary>
    public IReadOnlyDictionary<string, double> ToDictionary()
    {
        Dictionary<string, double> copy = [];
        for (int i = 0; i < Count; i++)
        {
            if (_isSet[i])
                copy[_names[i]] = _values[i];
        }

        return copy;
    }

    private int IndexOf(string name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (ReferenceEquals(_names[i], name) || _names[i] == name)
                return i;
        }

        return -1;
    }

    private int Append(string name)
    {
        if (Count == _names.Length)
        {
            Array.Resize(ref _names, 2 * Count);
            Array.Resize(ref _values, 2 * Count);
            Array.Resize(ref _isSet, 2 * Count);
        }

        _names[Count] = name;
        return Count++;
    }
}
