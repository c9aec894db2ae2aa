using System.Runtime.InteropServices;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Cuts the loss rows of a batch into chunks of whole completions, for a chunked head whose loss couples their tokens.</summary>
/// <param name="chunkRows">Loss rows of a chunk, unless a single completion has more.</param>
internal sealed class SequenceChunks(int chunkRows)
{
    private readonly List<int> rows = [];
    private readonly List<int> first = [];
    private int[] hostStarts = [];
    private Tensor starts;

    /// <summary>First loss row of each chunk and, last, their number.</summary>
    public ReadOnlySpan<int> Rows => CollectionsMarshal.AsSpan(rows);

    /// <summary>Cuts a batch and copies to the device where the completions of each chunk start, counted from its first row.</summary>
    public void Upload(Arena arena, TokenBatch batch)
    {
        rows.Clear();
        first.Clear();
        ReadOnlySpan<int> lossStarts = batch.LossStarts;
        Array.Resize(ref hostStarts, Math.Max(hostStarts.Length, 2 * batch.Sequences + 1));
        int written = 0;
        for (int s = 0; s < batch.Sequences; s++)
        {
            if (s == 0 || lossStarts[s + 1] - rows[^1] > chunkRows)
            {
                Close(lossStarts[s]);
                rows.Add(lossStarts[s]);
                first.Add(written);
            }

            hostStarts[written++] = lossStarts[s] - rows[^1];
        }

        Close(batch.LossRows);
        rows.Add(batch.LossRows);
        first.Add(written);
        starts = TokenBatch.Copy(arena, hostStarts, written);

        void Close(int end)
        {
            if (rows.Count > 0)
            {
                hostStarts[written++] = end - rows[^1];
            }
        }
    }

    /// <summary>Number of the first completion of the chunk that begins at a loss row.</summary>
    public int FirstAt(int row)
    {
        int chunk = rows.BinarySearch(row);
        return first[chunk] - chunk; // every chunk before has one start more than completions
    }

    /// <summary>Where the completions of the chunk that begins at a loss row start (completions + 1).</summary>
    public Tensor At(int row)
    {
        int chunk = rows.BinarySearch(row);
        return starts.RowRange(first[chunk], first[chunk + 1] - first[chunk]);
    }
}
