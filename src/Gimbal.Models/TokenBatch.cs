using System.Diagnostics;
using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// Sequences laid end to end without padding, and the rows whose next token a loss looks at. Reused from step to step: the
/// host arrays grow to the largest batch and stay.
/// </summary>
/// <remarks>
/// A sequence of tokens t_0..t_{n-1} with a prompt of p tokens has loss rows p-1..n-2, whose targets are t_p..t_{n-1}. Its last
/// token is not fed to the model unless asked for: nothing is predicted from it.
/// </remarks>
public sealed class TokenBatch
{
    private int[] ids = new int[256];
    private int[] positions = new int[256];
    private int[] rows = new int[256];
    private int[] targets = new int[256];
    private int[] starts = new int[16];
    private int[] lengths = new int[16];
    private int[] lossStarts = new int[16];
    private int[] lastRows = new int[16];

    /// <summary>Sequences.</summary>
    public int Sequences { get; private set; }

    /// <summary>Tokens fed to the model.</summary>
    public int Tokens { get; private set; }

    /// <summary>Rows with a target.</summary>
    public int LossRows { get; private set; }

    /// <summary>Longest sequence, in tokens fed.</summary>
    public int MaxLength { get; private set; }

    /// <summary>First loss row of each sequence and, last, their number.</summary>
    public ReadOnlySpan<int> LossStarts => lossStarts.AsSpan(0, Sequences + 1);

    /// <summary>First token row of each sequence and, last, their number.</summary>
    public ReadOnlySpan<int> Starts => starts.AsSpan(0, Sequences + 1);

    /// <summary>Targets of the loss rows, in host memory.</summary>
    public ReadOnlySpan<int> HostTargets => targets.AsSpan(0, LossRows);

    /// <summary>Token ids on the device (tokens), after <see cref="Upload"/>.</summary>
    public Tensor Ids { get; private set; }

    /// <summary>Positions within the sequences (tokens).</summary>
    public Tensor Positions { get; private set; }

    /// <summary>Rows of the hidden states that have a target (loss rows).</summary>
    public Tensor Rows { get; private set; }

    /// <summary>Their targets (loss rows).</summary>
    public Tensor Targets { get; private set; }

    /// <summary>Row of the last token fed of each sequence (sequences): where a reward head reads.</summary>
    public Tensor LastRows { get; private set; }

    /// <summary>How the tokens fall into sequences, for attention.</summary>
    public SequenceLayout Layout { get; private set; }

    /// <summary>First loss row of each sequence (sequences + 1).</summary>
    public Tensor LossStartsTensor { get; private set; }

    /// <summary>Empties the batch.</summary>
    public void Clear() => (Sequences, Tokens, LossRows, MaxLength) = (0, 0, 0, 0);

    /// <summary>Appends a sequence.</summary>
    /// <param name="tokens">Prompt and completion, at least one token of each.</param>
    /// <param name="promptLength">Tokens without a loss; at least 1.</param>
    /// <param name="feedLast">Feed the last token too: a reward head reads its hidden state.</param>
    /// <param name="learnt">For each token whether it is a target; empty: all after the prompt.</param>
    public void Add(ReadOnlySpan<int> tokens, int promptLength, bool feedLast = false, ReadOnlySpan<bool> learnt = default)
    {
        if (promptLength < 1 || promptLength > tokens.Length || tokens.Length < 2 - (feedLast ? 1 : 0))
        {
            throw new ArgumentOutOfRangeException(nameof(promptLength),
                $"a sequence of {tokens.Length} tokens cannot have a prompt of {promptLength}");
        }

        int fed = feedLast ? tokens.Length : tokens.Length - 1;
        int losses = learnt.IsEmpty ? tokens.Length - promptLength : learnt[promptLength..].Count(true);
        Reserve(ref ids, Tokens + fed);
        Reserve(ref positions, Tokens + fed);
        Reserve(ref rows, LossRows + losses);
        Reserve(ref targets, LossRows + losses);
        Reserve(ref starts, Sequences + 2);
        Reserve(ref lengths, Sequences + 1);
        Reserve(ref lossStarts, Sequences + 2);
        Reserve(ref lastRows, Sequences + 1);
        tokens[..fed].CopyTo(ids.AsSpan(Tokens));
        for (int i = 0; i < fed; i++)
        {
            positions[Tokens + i] = i;
        }

        for (int t = promptLength, i = LossRows; t < tokens.Length; t++)
        {
            if (learnt.IsEmpty || learnt[t])
            {
                (rows[i], targets[i++]) = (Tokens + t - 1, tokens[t]);
            }
        }

        (starts[Sequences], lengths[Sequences], lossStarts[Sequences]) = (Tokens, fed, LossRows);
        Tokens += fed;
        lastRows[Sequences] = Tokens - 1;
        LossRows += losses;
        Sequences++;
        MaxLength = Math.Max(MaxLength, fed);
        (starts[Sequences], lossStarts[Sequences]) = (Tokens, LossRows);
    }

    /// <summary>Copies the batch to the device, into the arena's innermost scope.</summary>
    public void Upload(Arena arena)
    {
        ArgumentNullException.ThrowIfNull(arena);
        if (Sequences == 0)
        {
            throw new InvalidOperationException("the batch has no sequences");
        }

        Ids = Copy(arena, ids, Tokens);
        Positions = Copy(arena, positions, Tokens);
        Rows = Copy(arena, rows, LossRows);
        Targets = Copy(arena, targets, LossRows);
        LastRows = Copy(arena, lastRows, Sequences);
        LossStartsTensor = Copy(arena, lossStarts, Sequences + 1);
        Layout = new SequenceLayout(Copy(arena, starts, Sequences + 1), Copy(arena, lengths, Sequences), MaxLength);
    }

    internal static Tensor Copy(Arena arena, int[] values, int count)
    {
        Debug.Assert(count <= values.Length);
        Tensor tensor = arena.Allocate(DType.Int32, new Shape(count), "a batch");
        tensor.CopyFrom<int>(values.AsSpan(0, count));
        return tensor;
    }

    private static void Reserve(ref int[] array, int length)
    {
        if (array.Length < length)
        {
            Array.Resize(ref array, Math.Max(length, 2 * array.Length));
        }
    }
}
