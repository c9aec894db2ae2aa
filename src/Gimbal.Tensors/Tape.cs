namespace Gimbal.Tensors;

/// <summary>The backward of one recorded op: reads the output's gradient, adds to those of the inputs.</summary>
internal delegate void BackwardFunction(Tape tape, in TapeEntry entry);

/// <summary>A residual block: takes its input and its number, returns its output.</summary>
/// <param name="tape">Where its ops are recorded.</param>
/// <param name="input">(tokens, width); the last op of the block is <see cref="Ops.Add(Tape, in Tensor, in Tensor)"/> of it.</param>
/// <param name="index">Number of the block.</param>
public delegate Tensor BlockFunction(Tape tape, Tensor input, int index);

/// <summary>What an op leaves for its backward. Which field means what is the op's own affair.</summary>
internal struct TapeEntry
{
    public BackwardFunction Backward;
    public Tensor Output, A, B, C, D;
    public Parameter? Weight, Bias;
    public int Integer;
    public float Scalar;
    public object? State;
}

/// <summary>
/// Reverse-mode differentiation over fused ops: a list of what was done, run backwards. Activations and their gradients live
/// in the arena; weight gradients are added to those of the <see cref="ParameterStore"/>.
/// </summary>
/// <remarks>
/// Nothing is allocated on the managed heap once a tape has seen its longest step. With <see cref="Recording"/> false the
/// same model code is inference.
/// </remarks>
public sealed class Tape
{
    private readonly List<Gradient> gradients = [];
    private readonly List<GradientBuffer> buffers = [];
    private TapeEntry[] entries = new TapeEntry[256];
    private int count;
    private int gradientCount;
    private int bufferCount;

    /// <summary>A tape whose activations live in <paramref name="arena"/>.</summary>
    public Tape(Arena arena)
    {
        ArgumentNullException.ThrowIfNull(arena);
        Arena = arena;
    }

    /// <summary>Where activations live.</summary>
    public Arena Arena { get; }

    /// <summary>The arena's device.</summary>
    public Device Device => Arena.Device;

    /// <summary>False: ops compute and leave nothing behind.</summary>
    public bool Recording { get; set; }

    /// <summary>True: a block keeps its input alone and is computed again on the way back.</summary>
    public bool Recompute { get; set; }

    /// <summary>Forgets what was recorded. The arena is the caller's to rewind.</summary>
    public void Reset()
    {
        Array.Clear(entries, 0, count);
        count = 0;
        gradientCount = 0;
        bufferCount = 0;
    }

    /// <summary>Runs all recorded ops backwards, from the gradients that the loss ops have set.</summary>
    public void Backward()
    {
        bool recording = Recording, exact = Device.IsExact;
        (Recording, Device.IsExact) = (false, false);
        try
        {
            RunBackTo(0);
        }
        finally
        {
            (Recording, Device.IsExact) = (recording, exact);
            Reset();
        }
    }

    /// <summary>
    /// Runs a residual block. Its gradients are given back when its backward is done, so a step holds those of one block at
    /// a time; with <see cref="Recompute"/> the same holds for its activations.
    /// </summary>
    public Tensor Block(in Tensor input, int index, BlockFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        if (!Recording)
        {
            // Nobody needs the input again, so the output takes its place and the rest goes.
            using ArenaScope scope = Arena.Enter();
            input.CopyFrom(function(this, input, index));
            return input;
        }

        if (Recompute)
        {
            return RecomputedBlock(input, index, function);
        }

        Record(new TapeEntry { Backward = LeaveBlock, A = input });
        Tensor output = function(this, input, index);
        Record(new TapeEntry { Backward = EnterBlock });
        return output;
    }

    /// <summary>Sets the gradient of a tensor: what a loss op, or a caller with a loss of its own, starts from.</summary>
    /// <param name="tensor">An output of this tape.</param>
    /// <param name="gradient">Same shape; must live until <see cref="Backward"/> is done.</param>
    public void SetGradient(in Tensor tensor, in Tensor gradient)
    {
        if (tensor.Gradient is not { } slot)
        {
            throw new ArgumentException("the tensor is no output of a recording tape", nameof(tensor));
        }

        if (slot.Buffer is not null || tensor.Shape != gradient.Shape)
        {
            throw new ArgumentException(
                slot.Buffer is not null ? "the tensor has a gradient already" : $"wanted {tensor.Shape}, got {gradient.Shape}",
                nameof(gradient));
        }

        slot.Buffer = NewBuffer(gradient);
    }

    /// <summary>A new activation; while recording, one whose gradient can be gathered.</summary>
    internal Tensor Output(DType dtype, in Shape shape, string operation)
    {
        Tensor tensor = Arena.Allocate(dtype, shape, operation);
        return Recording ? tensor.WithGradient(NewGradient()) : tensor;
    }

    /// <summary>The same memory as a new activation: the output of an op that works in place.</summary>
    internal Tensor InPlace(in Tensor tensor) => tensor.WithGradient(Recording ? NewGradient() : null);

    internal void Record(in TapeEntry entry)
    {
        if (count == entries.Length)
        {
            Array.Resize(ref entries, 2 * count);
        }

        entries[count++] = entry;
    }

    /// <summary>The gradient that has reached an output; false if none has, and its op has nothing to do.</summary>
    internal static bool TryGradient(in Tensor output, out Tensor gradient)
    {
        gradient = output.Gradient?.Buffer?.Tensor ?? default;
        return !gradient.IsEmpty;
    }

    /// <summary>
    /// Where an op writes the gradient of an input or, with <paramref name="accumulate"/>, adds to it. Empty if the input
    /// needs none.
    /// </summary>
    internal Tensor Target(in Tensor input, out bool accumulate)
    {
        accumulate = false;
        if (input.Gradient is not { } slot)
        {
            return default;
        }

        if (slot.Buffer is null)
        {
            slot.Buffer = NewBuffer(Arena.Allocate(input.DType, input.Shape, "a gradient"));
            return slot.Buffer.Tensor;
        }

        if (slot.Buffer.Holders > 1)
        {
            Tensor copy = Arena.Allocate(input.DType, input.Shape, "a gradient");
            copy.CopyFrom(slot.Buffer.Tensor);
            slot.Buffer.Holders--;
            slot.Buffer = NewBuffer(copy);
        }

        accumulate = true;
        return slot.Buffer.Tensor;
    }

    /// <summary>As <see cref="Target"/>, but memory to throw away where the input needs no gradient.</summary>
    internal Tensor TargetOrScratch(in Tensor input, out bool accumulate)
    {
        Tensor target = Target(input, out accumulate);
        return target.IsEmpty ? Arena.Allocate(input.DType, input.Shape, "a gradient that nobody needs") : target;
    }

    /// <summary>As <see cref="Target"/>, for ops whose input has no other consumer, so that they never need to add.</summary>
    internal Tensor FirstTarget(in Tensor input)
    {
        Tensor target = Target(input, out bool accumulate);
        return !accumulate
            ? target
            : throw new InvalidOperationException($"{input} feeds two ops, of which one cannot add to a gradient");
    }

    /// <summary>
    /// The gradient of <paramref name="output"/> is also that of <paramref name="input"/>. The buffer is shared until one of
    /// the holders adds to it while another still needs it; then it is copied.
    /// </summary>
    internal void Pass(in Tensor output, in Tensor input)
    {
        if (output.Gradient?.Buffer is not { } buffer || input.Gradient is not { } slot)
        {
            return;
        }

        if (slot.Buffer is null)
        {
            buffer.Holders++;
            slot.Buffer = buffer;
            return;
        }

        Tensor target = Target(input, out _);
        Ops.Add(target, buffer.Tensor, target);
    }

    private void RunBackTo(int start)
    {
        while (count > start)
        {
            count--;
            entries[count].Backward(this, entries[count]);
            if (entries[count].Output.Gradient?.Buffer is { } used)
            {
                used.Holders--;
                entries[count].Output.Gradient!.Buffer = null;
            }
        }
    }

    private Tensor RecomputedBlock(in Tensor input, int index, BlockFunction function)
    {
        Tensor output = Output(input.DType, input.Shape, "a block");
        Recording = false;
        using (Arena.Enter())
        {
            output.CopyFrom(function(this, input, index));
        }

        Recording = true;
        Record(new TapeEntry { Backward = Again, Output = output, A = input, Integer = index, State = function });
        return output;
    }

    private static void Again(Tape tape, in TapeEntry entry)
    {
        if (!TryGradient(entry.Output, out Tensor gradient))
        {
            return;
        }

        (Tensor output, Tensor input, int start) = (entry.Output, entry.A, tape.count);
        using ArenaScope scope = tape.Arena.Enter();
        // The entry's own slot is overwritten by what follows; it lives on in `output` and in RunBackTo.
        tape.count = start + 1;
        (tape.Recording, tape.Device.IsExact) = (true, true);
        Tensor again = ((BlockFunction)entry.State!)(tape, input, entry.Integer);
        (tape.Recording, tape.Device.IsExact) = (false, false);
        tape.Pass(output, again);
        output.Gradient!.Buffer!.Holders--;
        tape.RunBackTo(start + 1);
        output.Gradient!.Buffer!.Holders++;
        tape.count = start;
        tape.CheckOutside(input, tape.Arena.Depth);
    }

    private static void EnterBlock(Tape tape, in TapeEntry entry) => tape.Arena.EnterScope();

    private static void LeaveBlock(Tape tape, in TapeEntry entry)
    {
        int depth = tape.Arena.Depth;
        tape.CheckOutside(entry.A, depth);
        tape.Arena.Leave(depth);
    }

    private void CheckOutside(in Tensor input, int depth)
    {
        if (input.Gradient?.Buffer is { } buffer && Arena.Contains(depth, buffer.Tensor))
        {
            throw new InvalidOperationException(
                "the gradient of a block's input was allocated inside the block: its last op must add to its input");
        }
    }

    private Gradient NewGradient()
    {
        if (gradientCount == gradients.Count)
        {
            gradients.Add(new Gradient());
        }

        Gradient gradient = gradients[gradientCount++];
        gradient.Buffer = null;
        return gradient;
    }

    private GradientBuffer NewBuffer(in Tensor tensor)
    {
        if (bufferCount == buffers.Count)
        {
            buffers.Add(new GradientBuffer());
        }

        GradientBuffer buffer = buffers[bufferCount++];
        (buffer.Tensor, buffer.Holders) = (tensor.WithGradient(null), 1);
        return buffer;
    }
}

/// <summary>Where the gradient of one activation is gathered while a tape runs backwards.</summary>
internal sealed class Gradient
{
    public GradientBuffer? Buffer { get; set; }
}

/// <summary>Memory of a gradient, and how many activations share it.</summary>
internal sealed class GradientBuffer
{
    public Tensor Tensor { get; set; }

    public int Holders { get; set; }
}
