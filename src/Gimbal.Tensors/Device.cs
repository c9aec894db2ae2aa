using System.Globalization;
using System.Text;
using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>How a device is opened.</summary>
public sealed record DeviceOptions
{
    /// <summary>Threads of the CPU; 0 takes <c>GIMBAL_THREADS</c> or, unset, every processor that the process may use.</summary>
    public int Threads { get; init; }

    /// <summary>A CUDA stream of the caller's; 0 makes one.</summary>
    public nint Stream { get; init; }

    /// <summary>
    /// Every product of matrices may be added up in any order: on a CUDA device through cuBLASLt where it is present, faster, and
    /// without the promise that sampler and trainer agree bit for bit. Products of gradients always may.
    /// </summary>
    public bool Inexact { get; init; }
}

/// <summary>One device with one queue of work, used by one thread at a time.</summary>
public sealed unsafe class Device : IDisposable
{
    private const int GpuKind = 1;

    private readonly ContextHandle context;
    private readonly bool isAlwaysInexact;
    private bool isExact = true;

    private Device(string name, ContextHandle context, in DeviceInfo info, bool isInexact)
    {
        (Name, this.context) = (name, context);
        IsMeta = name == "meta";
        CanRecord = info.Kind == GpuKind;
        Threads = info.Threads;
        MemoryBytes = info.MemoryBytes;
        Processor = Text(info.Name);
        InstructionSet = Text(info.Isa);
        IsExact = !isInexact;
        isAlwaysInexact = isInexact;
    }

    /// <summary>As it was opened: <c>cpu</c>, <c>cuda:0</c> or <c>meta</c>.</summary>
    public string Name { get; }

    /// <summary>True for the device that checks every argument and touches no memory: a step on it is a memory plan.</summary>
    public bool IsMeta { get; }

    /// <summary>True for a CUDA device, which can <see cref="Record"/> ops.</summary>
    public bool CanRecord { get; }

    /// <summary>Threads that the ops use.</summary>
    public int Threads { get; }

    /// <summary>Physical memory of the device, in bytes.</summary>
    public long MemoryBytes { get; }

    /// <summary>Processor or GPU.</summary>
    public string Processor { get; }

    /// <summary>Instruction set that the kernels were chosen for.</summary>
    public string InstructionSet { get; }

    /// <summary>Largest scratch memory that any op asked for so far, in bytes.</summary>
    public long WorkspaceBytes
    {
        get
        {
            NativeMethods.gb_context_workspace_required(context, out long bytes).Check();
            return bytes;
        }
    }

    internal ContextHandle Context => context;

    /// <summary>False while only gradients are computed, whose products need not have the order of the forward's.</summary>
    internal bool IsExact
    {
        get => isExact;
        set
        {
            if (value != isExact && !isAlwaysInexact)
            {
                NativeMethods.gb_context_set_exact(context, value ? 1 : 0).Check();
                isExact = value;
            }
        }
    }

    /// <summary>
    /// Gives the ops scratch memory of the caller's, which must stay alive until it is replaced. With an empty tensor, as at
    /// first, the device takes what it needs by itself.
    /// </summary>
    /// <param name="memory">At least <see cref="WorkspaceBytes"/> of a run of the same step on the meta device.</param>
    public void SetWorkspace(in Tensor memory)
    {
        long bytes = memory.IsEmpty ? 0 : memory.Count * memory.DType.Size();
        NativeMethods.gb_context_set_workspace(context, memory.Pointer, bytes).Check();
    }

    /// <summary>Opens <c>cpu</c>, <c>cuda:N</c> or <c>meta</c>.</summary>
    /// <exception cref="InvalidConfigException">The name is none of these.</exception>
    /// <exception cref="DeviceException">There is no such device.</exception>
    public static Device Open(string name, DeviceOptions? options = null)
    {
        options ??= new DeviceOptions();
        (int kind, int ordinal) = Parse(name);
        int threads = options.Threads != 0 ? options.Threads : ThreadsFromEnvironment();
        ContextOptions native = new()
        {
            StructSize = sizeof(ContextOptions),
            Kind = kind,
            Ordinal = ordinal,
            Threads = threads,
            Stream = (void*)options.Stream,
        };
        NativeMethods.gb_context_create(native, out ContextHandle context).Check();
        DeviceInfo info = new() { StructSize = sizeof(DeviceInfo) };
        NativeMethods.gb_context_info(context, ref info).Check();
        return new Device(name, context, info, options.Inexact);
    }

    /// <summary>
    /// Runs a body whose ops are recorded instead of being executed. It may call ops and rewind arenas, but neither copy from or to
    /// the host nor ask for memory; running it once before sees to the scratch memory of its ops.
    /// </summary>
    /// <param name="body">Calls the ops.</param>
    /// <exception cref="DeviceException">The device cannot record, or the body did what cannot be recorded.</exception>
    public RecordedOps Record(Action body)
    {
        ArgumentNullException.ThrowIfNull(body);
        NativeMethods.gb_graph_begin(context).Check();
        try
        {
            body();
        }
        catch
        {
            // What went wrong in the body is what the caller should hear of.
            if (NativeMethods.gb_graph_end(context, out GraphHandle broken) == 0)
            {
                broken.Dispose();
            }

            throw;
        }

        NativeMethods.gb_graph_end(context, out GraphHandle graph).Check();
        return new RecordedOps(context, graph);
    }

    /// <summary>Waits for all queued work and reports a fault of any op since the last call.</summary>
    /// <exception cref="DeviceException">An op failed after its call had returned.</exception>
    public void Synchronize() => NativeMethods.gb_context_synchronize(context).Check();

    /// <summary>Releases the device. Tensors on it must not be used afterwards.</summary>
    public void Dispose() => context.Dispose();

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Processor}, {InstructionSet}, {Threads} threads)";

    internal nint Allocate(long bytes)
    {
        NativeMethods.gb_memory_allocate(context, bytes, out void* memory).Check();
        return (nint)memory;
    }

    internal void Free(nint memory)
    {
        if (!context.IsClosed)
        {
            NativeMethods.gb_memory_free(context, (void*)memory).Check();
        }
    }

    internal void Copy(nint source, nint destination, long bytes, CopyKind kind) =>
        NativeMethods.gb_memory_copy(context, (void*)source, (void*)destination, bytes, (int)kind).Check();

    internal void Fill(nint destination, byte value, long bytes) =>
        NativeMethods.gb_memory_fill(context, (void*)destination, value, bytes).Check();

    private static (int Kind, int Ordinal) Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name is "cpu" or "meta")
        {
            return (name == "cpu" ? 0 : 2, 0);
        }

        if (name == "cuda")
        {
            return (GpuKind, 0);
        }

        if (name.StartsWith("cuda:", StringComparison.Ordinal) &&
            int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal))
        {
            return (GpuKind, ordinal);
        }

        throw new InvalidConfigException("device", $"wanted cpu, cuda:N or meta, got '{name}'.");
    }

    private static int ThreadsFromEnvironment() =>
        int.TryParse(Environment.GetEnvironmentVariable("GIMBAL_THREADS"), NumberStyles.None,
            CultureInfo.InvariantCulture, out int threads) ? threads : 0;

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}

/// <summary>Direction of a copy, with the values of <c>gb_copy_kind</c>.</summary>
internal enum CopyKind
{
    HostToDevice = 0,
    DeviceToHost = 1,
    DeviceToDevice = 2,
}
