using System.Runtime.InteropServices;
using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// Lays pairs out for a chunked head whose loss couples the two sides of a pair: chunks of whole pairs, each as many as fit.
/// </summary>
/// <remarks>
/// Layout of a batch of pairs 0..4 in two chunks, where c is a chosen and r a rejected completion:
/// <code>
/// sequences   c0 c1 c2 r0 r1 r2 | c3 c4 r3 r4
/// </code>
/// so that the sums over the completions of a chunk come out as all chosen, then all rejected.
/// </remarks>
/// <param name="chunkRows">Loss rows of a chunk, unless a single pair has more.</param>
/// <param name="learnsPrompts">Chosen completions have loss rows for their prompts too, ahead of their own.</param>
internal sealed class PairChunks(int chunkRows, bool learnsPrompts = false)
{
    private readonly List<int> promptRows = [];
    private readonly List<int> rows = [];
    private readonly List<int> pairs = [];
    private Tensor starts;
    private int[] hostStarts = [];

    /// <summary>First loss row of each chunk and, last, their number.</summary>
    public ReadOnlySpan<int> Rows => CollectionsMarshal.AsSpan(rows);

    /// <summary>Puts pairs into a batch, chunk by chunk.</summary>
    /// <param name="batch">Emptied first.</param>
    /// <param name="data">All pairs.</param>
    /// <param name="chosen">Numbers of those to put in.</param>
    public void Fill(TokenBatch batch, IReadOnlyList<(TokenSequence Chosen, TokenSequence Rejected)> data, ReadOnlySpan<int> chosen)
    {
        batch.Clear();
        rows.Clear();
        pairs.Clear();
        promptRows.Clear();
        for (int first = 0, end; first < chosen.Length; first = end)
        {
            rows.Add(batch.LossRows);
            pairs.Add(first);
            int count = 0;
            for (end = first; end < chosen.Length; end++)
            {
                (TokenSequence better, TokenSequence worse) = data[chosen[end]];
                int promptCount = learnsPrompts ? better.PromptLength - 1 : 0;
                count += promptCount + better.CompletionLength + worse.CompletionLength;
                if (end > first && count > chunkRows)
                {
                    break;
                }

                promptRows.Add(promptCount);
            }

            foreach (int pair in chosen[first..end])
            {
                batch.Add(data[pair].Chosen.Tokens, learnsPrompts ? 1 : data[pair].Chosen.PromptLength);
            }

            foreach (int pair in chosen[first..end])
            {
                batch.Add(data[pair].Rejected.Tokens, data[pair].Rejected.PromptLength);
            }
        }

        rows.Add(batch.LossRows);
        pairs.Add(chosen.Length);
    }

    /// <summary>Copies to the device where the completions of each chunk start, counted from the chunk's first row.</summary>
    public void Upload(Arena arena, TokenBatch batch)
    {
        int chunks = pairs.Count - 1, count = batch.Sequences + chunks;
        Array.Resize(ref hostStarts, Math.Max(hostStarts.Length, count));
        ReadOnlySpan<int> lossStarts = batch.LossStarts;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            for (int i = 2 * pairs[chunk]; i <= 2 * pairs[chunk + 1]; i++)
            {
                hostStarts[i + chunk] = lossStarts[i] - rows[chunk];
            }
        }

        starts = TokenBatch.Copy(arena, hostStarts, count);
    }

    /// <summary>The chunk that begins at a loss row: its first pair, its pairs, and where its completions start.</summary>
    public (int First, int Count, Tensor Starts) At(int row)
    {
        int chunk = rows.BinarySearch(row);
        int first = pairs[chunk], count = pairs[chunk + 1] - first;
        return (first, count, starts.RowRange(2 * first + chunk, 2 * count + 1));
    }

    /// <summary>Loss rows of a pair's prompt, at the start of those of its chosen side.</summary>
    /// <param name="index">Place of the pair in the batch.</param>
    public int PromptRowsOf(int index) => promptRows[index];

    /// <summary>Numbers of a pair's two sequences within the batch.</summary>
    /// <param name="index">Place of the pair in the batch.</param>
    public (int Chosen, int Rejected) SequencesOf(int index)
    {
        int chunk = pairs.BinarySearch(index);
        chunk = chunk < 0 ? ~chunk - 1 : chunk;
        int first = pairs[chunk], count = pairs[chunk + 1] - first;
        return (first + index, first + index + count);
    }
}
