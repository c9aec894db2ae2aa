namespace Gimbal.Tensors;

/// <summary>
/// One block of device memory that is handed out front to back and given back by rewinding. Tensors of a scope die with it;
/// using one later throws.
/// </summary>
/// <remarks>
/// On the meta device the arena has no bounds and only counts: a training step on it tells <see cref="PeakBytes"/> before
/// any memory is taken.
/// </remarks>
public sealed class Arena : IDisposable
{
    private const long Alignment = 64;
    private const int MaximumDepth = 64;

    private readonly nint block;
    private readonly long[] scopeNumbers = new long[MaximumDepth];
    private readonly long[] scopeStarts = new long[MaximumDepth];
    private long nextScopeNumber = 1;
    private int depth;
    private bool disposed;

    /// <summary>Takes the memory at once, zeroed.</summary>
    /// <param name="device">Where.</param>
    /// <param name="capacityBytes">How much, in bytes; ignored on the meta device.</param>
    /// <exception cref="DeviceException">The device has not so much memory.</exception>
    public Arena(Device device, long capacityBytes)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(capacityBytes);
        Device = device;
        CapacityBytes = device.IsMeta ? long.MaxValue / 2 : capacityBytes;
        block = device.Allocate(device.IsMeta ? 0 : capacityBytes);
        scopeNumbers[0] = nextScopeNumber++;
    }

    /// <summary>The arena's device.</summary>
    public Device Device { get; }

    /// <summary>Size of the block, in bytes.</summary>
    public long CapacityBytes { get; }

    /// <summary>Bytes in use now.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Most bytes ever in use at once.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Opens a scope; disposing it rewinds the arena to here.</summary>
    /// <exception cref="InvalidOperationException">64 scopes are open already.</exception>
    public ArenaScope Enter() => new(this, EnterScope());

    internal int Depth => depth;

    internal int EnterScope()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (depth + 1 == MaximumDepth)
        {
            throw new InvalidOperationException($"{MaximumDepth} arena scopes are open: one of them is never disposed");
        }

        depth++;
        scopeStarts[depth] = UsedBytes;
        scopeNumbers[depth] = nextScopeNumber++;
        return depth;
    }

    /// <summary>A new tensor of the innermost scope. Its contents are undefined.</summary>
    /// <exception cref="GimbalException">The arena is full.</exception>
    public Tensor Allocate(DType dtype, in Shape shape, string purpose = "a tensor")
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        long bytes = (shape.Count * dtype.Size() + Alignment - 1) / Alignment * Alignment;
        if (bytes > CapacityBytes - UsedBytes)
        {
            throw new GimbalException(
                $"arena: {purpose} {shape} needs {bytes:N0} bytes, but only {CapacityBytes - UsedBytes:N0} of " +
                $"{CapacityBytes:N0} are left. Lower the micro-batch or the sequence length.");
        }

        nint address = block + (nint)UsedBytes;
        UsedBytes += bytes;
        PeakBytes = Math.Max(PeakBytes, UsedBytes);
        return new Tensor(Device, address, dtype, shape, new Lifetime(this, depth, scopeNumbers[depth]));
    }

    /// <summary>Gives the memory back. Tensors of the arena must not be used afterwards.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Device.Free(block);
        }
    }

    internal bool IsAlive(int scopeDepth, long scopeNumber) =>
        !disposed && scopeDepth <= depth && scopeNumbers[scopeDepth] == scopeNumber;

    internal bool Contains(int scopeDepth, in Tensor tensor) =>
        tensor.Address >= block + (nint)scopeStarts[scopeDepth] && tensor.Address < block + (nint)UsedBytes;

    internal void Leave(int scopeDepth)
    {
        if (scopeDepth != depth)
        {
            throw new InvalidOperationException("arena scopes must be disposed innermost first");
        }

        UsedBytes = scopeStarts[depth];
        scopeNumbers[depth] = 0;
        depth--;
    }
}

/// <summary>An open scope of an <see cref="Arena"/>; <c>using ArenaScope scope = arena.Enter();</c> rewinds at its end.</summary>
public readonly ref struct ArenaScope
{
    private readonly Arena arena;
    private readonly int depth;

    internal ArenaScope(Arena arena, int depth) => (this.arena, this.depth) = (arena, depth);

    /// <summary>Rewinds the arena to where the scope was opened.</summary>
    public void Dispose() => arena.Leave(depth);
}

/// <summary>The scope that a tensor lives in; none for memory of the caller's or of a store.</summary>
internal readonly struct Lifetime(Arena arena, int depth, long number)
{
    public bool IsAlive => arena is null || arena.IsAlive(depth, number);
}
