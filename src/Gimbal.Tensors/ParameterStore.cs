
namespace Gimbal.Tensors;

/// <summary>
/// The weights of one model, in one block; if it trains, also their gradients and the two moments of the optimizer, each one
/// block of the same layout. Parameters that decay come first, so that one AdamW call serves all.
/// </summary>
/// <remarks>
/// In bfloat16 ops read the parameters that decay, matrices, from one more block, the weights rounded; the others (norms, biases)
/// stay float32 for them too. Training keeps all weights in float32 beside it, frozen models only what ops read.
/// </remarks>
public sealed class ParameterStore : IDisposable
{
    // Every parameter starts on a cache line; the gap holds zeros, which no op changes.
    private const long AlignmentBytes = 64;

    private readonly List<Parameter> parameters = [];
    private readonly Dictionary<string, Parameter> byName = [];
    private readonly List<nint> blocks = [];
    private long blockBytes;
    private bool allocated;

    /// <summary>An empty store; add parameters, then <see cref="Allocate"/>.</summary>
    /// <param name="device">Where the weights will live.</param>
    /// <param name="trainable">False for frozen models: no gradients, no optimizer state.</param>
    /// <param name="dtype">Element type in which ops read matrices: float32 or bfloat16.</param>
    public ParameterStore(Device device, bool trainable, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (dtype is not (DType.Float32 or DType.BFloat16))
        {
            throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "wanted float32 or bfloat16");
        }

        (Device, IsTrainable, DType) = (device, trainable, dtype);
    }

    /// <summary>Where the weights live.</summary>
    public Device Device { get; }

    /// <summary>True if there are gradients and optimizer state.</summary>
    public bool IsTrainable { get; }

    /// <summary>Element type in which ops read matrices.</summary>
    public DType DType { get; }

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

    /// <summary>The float32 weights (Count); of a frozen bfloat16 store only those that do not decay.</summary>
    public Tensor Weights { get; private set; }

    /// <summary>The weights in bfloat16 (Count), what ops read of matrices; empty in a float32 store.</summary>
    public Tensor Rounded { get; private set; }

    /// <summary>All gradients (Count); empty if frozen.</summary>
    public Tensor Gradients { get; private set; }

    /// <summary>First moment of AdamW (Count); empty if frozen.</summary>
    public Tensor FirstMoment { get; private set; }

    /// <summary>Second moment of AdamW (Count); empty if frozen.</summary>
    public Tensor SecondMoment { get; private set; }

    /// <summary>Bytes of all blocks and packs.</summary>
    public long Bytes => blockBytes + parameters.Sum(parameter => parameter.PackedBytes);

    /// <summary>Bytes of <see cref="Weights"/> and <see cref="Rounded"/>.</summary>
    public long WeightBytes => Weights.Count * sizeof(float) + (Rounded.IsEmpty ? 0 : Rounded.Count * DType.Size());

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
        // Without training nobody needs float32 where ops read bfloat16.
        long masterStart = DType == DType.Float32 || IsTrainable ? 0 : DecayCount;
        Weights = Block(DType.Float32, Count - masterStart);
        Rounded = DType == DType.Float32 ? default : Block(DType, Count);
        if (IsTrainable)
        {
            (Gradients, FirstMoment, SecondMoment) =
                (Block(DType.Float32, Count), Block(DType.Float32, Count), Block(DType.Float32, Count));
        }

        long decaying = 0, others = DecayCount;
        foreach (Parameter parameter in parameters)
        {
            long start = parameter.Decays ? decaying : others;
            parameter.Master = start < masterStart ? default : View(Weights, start - masterStart, parameter.Shape);
            parameter.Value = parameter.Decays && !Rounded.IsEmpty ? View(Rounded, start, parameter.Shape) : parameter.Master;
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

    /// <summary>Sets all weights of a trainable store at once: those of a checkpoint.</summary>
    /// <param name="weights">As <see cref="Weights"/>.</param>
    public void Restore(ReadOnlySpan<float> weights)
    {
        Weights.CopyFrom(weights);
        if (!Rounded.IsEmpty)
        {
            ushort[] halves = new ushort[weights.Length];
            BFloat16.Round(weights, halves);
            Rounded.CopyFrom<ushort>(halves);
        }

        Touch();
    }

    /// <summary>Copies the weights of a store of the same parameters; its element type may be another.</summary>
    public void CopyFrom(ParameterStore source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.parameters.Count != parameters.Count || source.WeightCount != WeightCount)
        {
            throw new ArgumentException(
                $"the stores differ: {source.parameters.Count} parameters of {source.WeightCount} elements, wanted " +
                $"{parameters.Count} of {WeightCount}", nameof(source));
        }

        for (int i = 0; i < parameters.Count; i++)
        {
            parameters[i].CopyFrom(source.parameters[i]);
        }

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

    private long Room(Parameter parameter)
    {
        long alignment = AlignmentBytes / DType.Size();
        return (parameter.Shape.Count + alignment - 1) / alignment * alignment;
    }

    private static Tensor View(in Tensor block, long start, Shape shape) =>
        block.RowRange(start, shape.Count).Reshape(shape);

    private Tensor Block(DType dtype, long count)
    {
        long bytes = count * dtype.Size();
        nint block = Device.Allocate(bytes);
        blocks.Add(block);
        blockBytes += bytes;
        return new Tensor(Device, block, dtype, new Shape(count));
    }
}
