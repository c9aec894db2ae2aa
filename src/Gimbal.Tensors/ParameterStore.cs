
namespace Gimbal.Tensors;

/// <summary>
/// The weights of one model, in one block; if it trains, also their gradients and the two moments of the optimizer, each one
/// block of the same layout. Parameters that decay come first, so that one AdamW call serves all.
/// </summary>
public sealed class ParameterStore : IDisposable
{
    // Every parameter starts on a cache line; the gap holds zeros, which no op changes.
    private const long Alignment = 16;

    private readonly List<Parameter> parameters = [];
    private readonly Dictionary<string, Parameter> byName = [];
    private readonly List<nint> blocks = [];
    private bool allocated;

    /// <summary>An empty store; add parameters, then <see cref="Allocate"/>.</summary>
    /// <param name="device">Where the weights will live.</param>
    /// <param name="trainable">False for frozen models: no gradients, no optimizer state.</param>
    public ParameterStore(Device device, bool trainable)
    {
        ArgumentNullException.ThrowIfNull(device);
        (Device, IsTrainable) = (device, trainable);
    }

    /// <summary>Where the weights live.</summary>
    public Device Device { get; }

    /// <summary>True if there are gradients and optimizer state.</summary>
    public bool IsTrainable { get; }

    /// <summary>All parameters, in the order they were added.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>Stamp of the current weights: grows with every <see cref="Touch"/>. Rollouts and packs carry it.</summary>
    public ulong Version { get; private set; } = 1;

    /// <summary>Elements of each block, gaps included.</summary>
    public long Count { get; private set; }

    /// <summary>The first so many elements decay.</summary>
    public long DecayCount { get; private set; }

    /// <summary>Number of weights, without gaps.</summary>
    public long WeightCount => parameters.Sum(parameter => parameter.Shape.Count);

    /// <summary>All weights (Count).</summary>
    public Tensor Weights { get; private set; }

    /// <summary>All gradients (Count); empty if frozen.</summary>
    public Tensor Gradients { get; private set; }

    /// <summary>First moment of AdamW (Count); empty if frozen.</summary>
    public Tensor FirstMoment { get; private set; }

    /// <summary>Second moment of AdamW (Count); empty if frozen.</summary>
    public Tensor SecondMoment { get; private set; }

    /// <summary>Bytes of all blocks and packs.</summary>
    public long Bytes => blocks.Count * Count * sizeof(float) + parameters.Sum(parameter => parameter.PackedBytes);

    /// <summary>Declares a parameter.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="InvalidOperationException">The store is allocated already.</exception>
    public Parameter Add(string name, Shape shape, bool decays)
    {
        if (allocated)
        {
            throw new InvalidOperationException("the store is allocated; parameters must be added before");
        }

        Parameter parameter = new(this, name, shape, decays);
        if (!byName.TryAdd(name, parameter))
        {
            throw new ArgumentException($"there is a parameter '{name}' already", nameof(name));
        }

        parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Takes the memory, zeroed, and lays the parameters out.</summary>
    public void Allocate()
    {
        if (allocated)
        {
            throw new InvalidOperationException("the store is allocated already");
        }

        allocated = true;
        DecayCount = parameters.Where(p => p.Decays).Sum(Room);
        Count = parameters.Sum(Room);
        Weights = Block();
        if (IsTrainable)
        {
            (Gradients, FirstMoment, SecondMoment) = (Block(), Block(), Block());
        }

        long decaying = 0, others = DecayCount;
        foreach (Parameter parameter in parameters)
        {
            long start = parameter.Decays ? decaying : others;
            parameter.Value = View(Weights, start, parameter.Shape);
            parameter.Gradient = IsTrainable ? View(Gradients, start, parameter.Shape) : default;
            if (parameter.Decays)
            {
                decaying += Room(parameter);
            }
            else
            {
                others += Room(parameter);
            }
        }
    }

    /// <summary>The parameter of that name, if there is one.</summary>
    public Parameter? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>Says that the weights have changed: packs are made anew when next used.</summary>
    public void Touch() => Version++;

    /// <summary>Sets all gradients to 0.</summary>
    public void ClearGradients() => Gradients.Clear();

    /// <summary>Copies the weights of a store of the same layout.</summary>
    public void CopyFrom(ParameterStore source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Count != Count || source.parameters.Count != parameters.Count)
        {
            throw new ArgumentException(
                $"the stores differ: {source.parameters.Count} parameters of {source.Count} elements, wanted " +
                $"{parameters.Count} of {Count}", nameof(source));
        }

        Weights.CopyFrom(source.Weights);
        Touch();
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in parameters)
        {
            parameter.ReleasePacks();
        }

        foreach (nint block in blocks)
        {
            Device.Free(block);
        }

        blocks.Clear();
    }

    private static long Room(Parameter parameter) =>
        (parameter.Shape.Count + Alignment - 1) / Alignment * Alignment;

    private static Tensor View(in Tensor block, long start, Shape shape) =>
        block.RowRange(start, shape.Count).Reshape(shape);

    private Tensor Block()
    {
        nint block = Device.Allocate(Count * sizeof(float));
        blocks.Add(block);
        return new Tensor(Device, block, DType.Float32, new Shape(Count));
    }
}
