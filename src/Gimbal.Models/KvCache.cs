using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// Keys and values of the tokens that a generation has seen, in pages of <see cref="PageSize"/> tokens. A sequence holds pages,
/// the same numbers in every layer, and gives them back when it ends. Several sequences may hold a page that none will write.
/// </summary>
internal sealed class KvCache : IDisposable
{
    /// <summary>Tokens of a page: a multiple of the key blocks of attention.</summary>
    public const int PageSize = 32;

    private readonly Device device;
    private readonly nint memory;
    private readonly Tensor[] keys;
    private readonly Tensor[] values;
    private readonly Stack<int> free = new();
    private readonly int[] holders;
    private Tensor slots;

    public KvCache(ModelConfig config, Device device, DType dtype, int pages)
    {
        (this.device, PageCount) = (device, pages);
        long width = (long)config.KeyValueHeads * config.HeadDim, rows = (long)pages * PageSize;
        holders = new int[pages];
        memory = device.Allocate(Bytes(config, dtype, pages));
        keys = new Tensor[config.Layers];
        values = new Tensor[config.Layers];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            keys[layer] = Block(2 * layer);
            values[layer] = Block(2 * layer + 1);
        }

        for (int page = pages - 1; page >= 0; page--)
        {
            free.Push(page);
        }

        Tensor Block(int index) => Tensor.Borrow(device, memory + (nint)(index * rows * width * dtype.Size()), dtype, [rows, width]);
    }

    /// <summary>Pages in all.</summary>
    public int PageCount { get; }

    /// <summary>Pages that no sequence holds.</summary>
    public int FreePages => free.Count;

    /// <summary>Page numbers of the sequences of the current call (sequences, most pages).</summary>
    public Tensor Pages { get; private set; }

    /// <summary>Pages that so many tokens need.</summary>
    public static int PagesFor(int tokens) => (tokens + PageSize - 1) / PageSize;

    /// <summary>Memory of so many pages, in bytes.</summary>
    public static long Bytes(ModelConfig config, DType dtype, int pages) =>
        2L * config.Layers * pages * PageSize * config.KeyValueHeads * config.HeadDim * dtype.Size();

    /// <summary>A free page, now held once.</summary>
    public int Take()
    {
        int page = free.Pop();
        holders[page] = 1;
        return page;
    }

    /// <summary>One more sequence holds a page.</summary>
    public int Share(int page)
    {
        holders[page]++;
        return page;
    }

    /// <summary>A page of one's own with the tokens of another.</summary>
    public int Copy(int page)
    {
        int copy = Take();
        foreach (Tensor[] matrices in (ReadOnlySpan<Tensor[]>)[keys, values])
        {
            foreach (Tensor matrix in matrices)
            {
                matrix.RowRange((long)copy * PageSize, PageSize).CopyFrom(matrix.RowRange((long)page * PageSize, PageSize));
            }
        }

        return copy;
    }

    /// <summary>A sequence holds these pages no longer; those that nobody holds are free.</summary>
    public void GiveBack(IEnumerable<int> pages)
    {
        foreach (int page in pages)
        {
            if (--holders[page] == 0)
            {
                free.Push(page);
            }
        }
    }

    /// <summary>Says where the tokens of the next forward pass go and which pages its sequences hold.</summary>
    public void Bind(in Tensor tokenSlots, in Tensor pages) => (slots, Pages) = (tokenSlots, pages);

    /// <summary>Writes the keys and values of a fused projection to their slots; returns those of the whole layer.</summary>
    public (Tensor Keys, Tensor Values) Write(in Tensor qkv, in AttentionHeads heads, int layer)
    {
        long q = (long)heads.QueryHeads * heads.HeadDim, kv = (long)heads.KeyValueHeads * heads.HeadDim;
        Ops.ScatterRows(qkv.Columns(q, kv), slots, keys[layer]);
        Ops.ScatterRows(qkv.Columns(q + kv, kv), slots, values[layer]);
        return (keys[layer], values[layer]);
    }

    public void Dispose() => device.Free(memory);
}
