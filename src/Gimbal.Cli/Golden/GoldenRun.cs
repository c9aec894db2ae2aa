using Gimbal.Tensors;

namespace Gimbal.Cli.Golden;

/// <summary>A case that the engine's ops cannot express, with the reason.</summary>
internal sealed class UnsupportedCaseException(string message) : Exception(message);

/// <summary>
/// One case on a device: hands a runner its inputs as tensors, takes what the runner computed with the engine's ops, and
/// compares it with the references.
/// </summary>
internal sealed class GoldenRun(GoldenCase golden, Device device, Arena arena)
{
    private readonly HashSet<string> left = [];
    private readonly HashSet<string> compared = [];
    private readonly List<string> faults = [];

    public GoldenCase Case { get; } = golden;

    public Device Device { get; } = device;

    /// <summary>Memory of the case's tensors.</summary>
    public Arena Arena { get; } = arena;

    /// <summary>Largest error in units of the tolerance.</summary>
    public double WorstError { get; private set; }

    /// <summary>What did not match.</summary>
    public IReadOnlyList<string> Faults => faults;

    public bool Has(string input) => Case.Inputs.ContainsKey(input);

    public GoldenTensor Input(string name) => Case.Inputs[name];

    public float[] Floats(string input) => Input(input).Floats();

    /// <summary>An input as (rows, width), its leading extents folded.</summary>
    public Tensor Tensor(string input) => From(Floats(input), [Input(input).Rows, Input(input).Width]);

    /// <summary>An input as one row of elements; empty where the case has none.</summary>
    public Tensor Vector(string input) => Has(input) ? From(Floats(input), [Input(input).Data.Length]) : default;

    public Tensor From(ReadOnlySpan<float> values, Shape shape)
    {
        Tensor tensor = Arena.Allocate(DType.Float32, shape);
        tensor.CopyFrom(values);
        return tensor;
    }

    public Tensor From(params float[] values) => From(values, [values.Length]);

    public Tensor From(int[] values)
    {
        Tensor tensor = Arena.Allocate(DType.Int32, [values.Length]);
        tensor.CopyFrom<int>(values);
        return tensor;
    }

    public Tensor From(byte[] values, Shape shape)
    {
        Tensor tensor = Arena.Allocate(DType.UInt8, shape);
        tensor.CopyFrom<byte>(values);
        return tensor;
    }

    /// <summary>A tensor of zeros.</summary>
    public Tensor New(Shape shape, DType dtype = DType.Float32)
    {
        Tensor tensor = Arena.Allocate(dtype, shape);
        tensor.Clear();
        return tensor;
    }

    /// <summary>Compares an output.</summary>
    /// <param name="name">As the case names it; a name the case lacks is passed over.</param>
    /// <param name="actual">What the engine computed.</param>
    /// <param name="where">Elements to compare, where the systems agree to differ elsewhere (padding); null: all.</param>
    public void Output(string name, ReadOnlySpan<float> actual, ReadOnlySpan<byte> where = default)
    {
        if (Case.Outputs.TryGetValue(name, out GoldenTensor? reference))
        {
            GoldenTensor? single = Case.Overflows ? Case.SingleOutputs.GetValueOrDefault(name) : null;
            Compare(name, single ?? reference, null, actual, where);
        }
    }

    public void Output(string name, in Tensor actual, ReadOnlySpan<byte> where = default) =>
        Output(name, actual.ToArray<float>(), where);

    public void Output(string name, double actual) => Output(name, [(float)actual]);

    /// <summary>Compares the gradient of an input.</summary>
    public void Gradient(string input, ReadOnlySpan<float> actual)
    {
        if (Case.Gradients.TryGetValue(input, out GoldenTensor? reference))
        {
            GoldenTensor? single = Case.Overflows ? Case.SingleGradients.GetValueOrDefault(input) : null;
            Compare("gradient of " + input, single ?? reference, single is null ? null : reference, actual, default);
        }
    }

    public void Gradient(string input, in Tensor actual) => Gradient(input, actual.ToArray<float>());

    /// <summary>An output that is an inner step of the other system, which the engine never forms.</summary>
    public void Leave(params string[] outputs) => left.UnionWith(outputs);

    /// <summary>Finds what the runner left out: every output but the logged metrics, every gradient.</summary>
    public void Close()
    {
        IEnumerable<string> expected = Case.Outputs.Keys
            .Where(name => !name.StartsWith("metric.", StringComparison.Ordinal) && !left.Contains(name))
            .Concat(Case.Gradients.Keys.Select(name => "gradient of " + name));
        faults.AddRange(expected.Where(name => !compared.Contains(name)).Select(name => $"{name} was not computed"));
    }

    private void Compare(string name, GoldenTensor reference, GoldenTensor? orZero, ReadOnlySpan<float> actual,
        ReadOnlySpan<byte> where)
    {
        compared.Add(name);
        if (actual.Length != reference.Data.Length)
        {
            faults.Add($"{name}: wanted {reference.Data.Length} elements, got {actual.Length}");
            return;
        }

        double worst = 0;
        int worstAt = -1;
        for (int i = 0; i < actual.Length; i++)
        {
            if (!where.IsEmpty && where[i] == 0)
                continue;
            double error = Error(reference.Data[i], actual[i], reference.IsExact);
            if (error > 1 && orZero is not null && double.IsNaN(reference.Data[i]) && orZero.Data[i] == 0 && actual[i] == 0)
                error = 0;
            if (error > worst)
                (worst, worstAt) = (error, i);
        }

        WorstError = Math.Max(WorstError, worst);
        if (worst > 1)
        {
            faults.Add($"{name}[{worstAt}]: wanted {reference.Data[worstAt]:R}, got {actual[worstAt]:R}, " +
                $"{worst:G3} times the tolerance");
        }
    }

    private double Error(double reference, double actual, bool isExact)
    {
        if (double.IsNaN(reference) || double.IsNaN(actual))
            return double.IsNaN(reference) && double.IsNaN(actual) ? 0 : double.PositiveInfinity;
        if (isExact || double.IsInfinity(reference) || double.IsInfinity(actual))
            return reference == actual ? 0 : double.PositiveInfinity;
        return Math.Abs(actual - reference) / (Case.Absolute + Case.Relative * Math.Abs(reference));
    }
}
