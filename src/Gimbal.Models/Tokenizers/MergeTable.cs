using System.Numerics;

namespace Gimbal.Models;

/// <summary>
/// The merges of a BPE vocabulary (Sennrich et al. 2016): which pairs of tokens join, in what order of preference, to what.
/// </summary>
internal sealed class MergeTable
{
    // Open addressing with linear probing. A key is the pair plus one, so that zero marks a free slot.
    private readonly ulong[] keys;
    private readonly (int Rank, int Id)[] values;
    private readonly int shift;

    [ThreadStatic]
    private static Scratch? scratch;

    /// <summary>An empty table for at most <paramref name="capacity"/> merges.</summary>
    public MergeTable(int capacity)
    {
        int slots = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 4) * 2);
        (keys, values, shift) = (new ulong[slots], new (int, int)[slots], 64 - BitOperations.Log2((uint)slots));
    }

    /// <summary>Adds a merge; of two for one pair the later counts.</summary>
    public void Add(int first, int second, int rank, int id)
    {
        int slot = Slot(first, second);
        (keys[slot], values[slot]) = (Key(first, second), (rank, id));
    }

    /// <summary>
    /// Joins the best-ranked pair, the leftmost of equal ones, again and again until no pair is left to join. The result
    /// stands at the start of <paramref name="symbols"/>; its length is returned. O(n log n).
    /// </summary>
    public int Merge(Span<int> symbols)
    {
        if (symbols.Length < 2)
        {
            return symbols.Length;
        }

        Scratch scratch = MergeTable.scratch ?? new Scratch();
        scratch.Reset(symbols.Length);
        Span<Link> links = scratch.Links.AsSpan(0, symbols.Length);
        for (int i = 0; i < symbols.Length; i++)
        {
            links[i] = new Link { Previous = i - 1, Next = i + 1 };
            if (i + 1 < symbols.Length)
            {
                Rate(scratch, links, symbols, i);
            }
        }

        while (scratch.TryPop(out int rank, out int left))
        {
            // An entry whose pair has since changed or gone is stale.
            if (links[left].Rank != rank || !links[left].Joins)
            {
                continue;
            }

            int right = links[left].Next, next = links[right].Next;
            symbols[left] = links[left].Merged;
            links[right].Joins = links[left].Joins = false;
            links[left].Next = next;
            if (next < symbols.Length)
            {
                links[next].Previous = left;
                Rate(scratch, links, symbols, left);
            }

            if (links[left].Previous >= 0)
            {
                Rate(scratch, links, symbols, links[left].Previous);
            }
        }

        int count = 0;
        for (int i = 0; i < symbols.Length; i = links[i].Next)
        {
            symbols[count++] = symbols[i];
        }

        // A book as one word should not keep its memory.
        MergeTable.scratch = symbols.Length > 1 << 16 ? null : scratch;
        return count;
    }

    private void Rate(Scratch scratch, Span<Link> links, Span<int> symbols, int left)
    {
        ref Link link = ref links[left];
        int slot = Slot(symbols[left], symbols[link.Next]);
        link.Joins = keys[slot] != 0;
        if (link.Joins)
        {
            (link.Rank, link.Merged) = values[slot];
            scratch.Push(link.Rank, left);
        }
    }

    private int Slot(int first, int second)
    {
        ulong key = Key(first, second);
        int slot = (int)(key * 0x9E3779B97F4A7C15 >> shift);
        while (keys[slot] != key && keys[slot] != 0)
        {
            slot = slot + 1 & keys.Length - 1;
        }

        return slot;
    }

    private static ulong Key(int first, int second) => ((ulong)(uint)first << 32 | (uint)second) + 1;

    /// <summary>A symbol in the chain, and the merge with its right neighbour if there is one.</summary>
    private struct Link
    {
        public int Previous, Next, Rank, Merged;
        public bool Joins;
    }

    /// <summary>Memory of one thread for the chain and for a heap of (rank, position), the least on top.</summary>
    private sealed class Scratch
    {
        private ulong[] heap = new ulong[192];
        private int count;

        public Link[] Links { get; private set; } = new Link[64];

        public void Reset(int symbols)
        {
            count = 0;
            if (Links.Length < symbols)
            {
                // Every symbol is pushed once, and every merge pushes two more.
                Links = new Link[Math.Max(symbols, Math.Min(Links.Length * 2, 1 << 16))];
                heap = new ulong[Links.Length * 3];
            }
        }

        public void Push(int rank, int position)
        {
            ulong entry = (ulong)(uint)rank << 32 | (uint)position;
            int at = count++;
            while (at > 0 && heap[at - 1 >> 1] > entry)
            {
                heap[at] = heap[at - 1 >> 1];
                at = at - 1 >> 1;
            }

            heap[at] = entry;
        }

        public bool TryPop(out int rank, out int position)
        {
            if (count == 0)
            {
                (rank, position) = (0, 0);
                return false;
            }

            (rank, position) = ((int)(heap[0] >> 32), (int)(uint)heap[0]);
            ulong last = heap[--count];
            int at = 0;
            for (int child = 1; child < count; child = 2 * at + 1)
            {
                child += child + 1 < count && heap[child + 1] < heap[child] ? 1 : 0;
                if (heap[child] >= last)
                {
                    break;
                }

                heap[at] = heap[child];
                at = child;
            }

            heap[at] = last;
            return true;
        }
    }
}
