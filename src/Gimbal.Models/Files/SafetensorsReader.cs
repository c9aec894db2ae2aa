using System.Runtime.CompilerServices;

namespace Gimbal.Models;

/// <summary>
/// Reads tensors from memory-mapped safetensors: one file, or the shards that a <c>model.safetensors.index.json</c> lists.
/// Everything that a header claims is checked when the file is opened.
/// </summary>
/// <remarks>Reads may run on several threads at once; <see cref="Dispose"/> may not run beside them.</remarks>
public sealed class SafetensorsReader : IDisposable
{
    /// <summary>Name of a single-file model.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>Name of the index of a sharded model.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> files;
    private readonly Dictionary<string, SafetensorsEntry> byName;

    private SafetensorsReader(string path, List<SafetensorsFile> files, List<SafetensorsEntry> entries,
        IReadOnlyDictionary<string, string> metadata)
    {
        (Path, this.files, Entries, Metadata) = (path, files, entries, metadata);
        byName = entries.ToDictionary(entry => entry.Name);
    }

    /// <summary>The file that was opened: a safetensors file or an index.</summary>
    public string Path { get; }

    /// <summary>All tensors, in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The <c>__metadata__</c> of the header (of an index: its <c>metadata</c>, as text); empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// Opens a safetensors file, an index of shards (a name that ends in <c>.index.json</c>), or a model folder that holds
    /// <see cref="FileName"/> or <see cref="IndexFileName"/>.
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <exception cref="InvalidFileException">Missing, cut off, or in contradiction with itself.</exception>
    public static SafetensorsReader Open(string path)
    {
        if (Directory.Exists(path))
        {
            string single = System.IO.Path.Combine(path, FileName), index = System.IO.Path.Combine(path, IndexFileName);
            path = File.Exists(single) ? single
                : File.Exists(index) ? index
                : throw new InvalidFileException(path, $"the folder holds neither {FileName} nor {IndexFileName}. " +
                    "Weights in other formats (.bin, .pth) must be converted to safetensors first.");
        }

        if (path.EndsWith(".index.json", StringComparison.Ordinal))
        {
            SafetensorsIndex index = SafetensorsIndex.Open(path);
            return new SafetensorsReader(path, index.Files, index.Entries, index.Metadata);
        }

        SafetensorsFile file = new(path);
        return new SafetensorsReader(path, [file], file.Header.Entries, file.Header.Metadata);
    }

    /// <summary>The entry of a tensor, or null if the file has none of that name.</summary>
    public SafetensorsEntry? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>The entry of a tensor that must be there.</summary>
    /// <exception cref="InvalidFileException">There is none of that name.</exception>
    public SafetensorsEntry Get(string name) => Find(name)
        ?? throw new InvalidFileException(Path, $"is missing; the file holds {Entries.Count} tensors" +
            (Entries.Count == 0 ? "." : $", the first is '{Entries[0].Name}'."), tensor: name);

    /// <summary>Reads a whole tensor as float32. Exact: every bfloat16 and float16 value, subnormals included, is a float32.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="destination">Receives the elements row-major; its length is the element count.</param>
    /// <exception cref="InvalidFileException">No such tensor, not a float type, or another element count.</exception>
    public void Read(string name, Span<float> destination)
    {
        SafetensorsEntry entry = Get(name);
        if (entry.Count != destination.Length)
        {
            throw entry.File.Fault($"has {entry.Count} elements, shape ({string.Join(", ", entry.Shape)}), but " +
                $"{destination.Length} were asked for. Does config.json belong to these weights?", name);
        }

        Read(entry, 0, destination);
    }

    /// <summary>Reads the elements [<paramref name="start"/>, start + destination.Length) of a tensor as float32.</summary>
    /// <param name="entry">The tensor, of this reader.</param>
    /// <param name="start">First element, in row-major order.</param>
    /// <param name="destination">Receives the elements.</param>
    /// <exception cref="InvalidFileException">Not a float type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public unsafe void Read(SafetensorsEntry entry, long start, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, entry.Count - destination.Length);
        byte* source = entry.File.DataOf(entry) + start * SafetensorsHeader.SizeOf(entry.DType);
        switch (entry.DType)
        {
            case SafetensorsDType.Float32:
                fixed (float* target = destination)
                {
                    long bytes = (long)destination.Length * sizeof(float);
                    Buffer.MemoryCopy(source, target, bytes, bytes);
                }

                break;
            case SafetensorsDType.BFloat16:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)Load16(source, i) << 16);
                }

                break;
            case SafetensorsDType.Float16:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)BitConverter.UInt16BitsToHalf(Load16(source, i));
                }

                break;
            default:
                throw entry.File.Fault($"holds {entry.DType}, expected Float32, BFloat16 or Float16.", entry.Name);
        }
    }

    /// <summary>The bytes of a tensor as they lie in the file (little endian); valid until the reader is disposed.</summary>
    /// <exception cref="InvalidFileException">No such tensor, or more than 2 GiB: read it in parts.</exception>
    public unsafe ReadOnlySpan<byte> Bytes(string name)
    {
        SafetensorsEntry entry = Get(name);
        long bytes = entry.End - entry.Begin;
        return bytes <= int.MaxValue
            ? new ReadOnlySpan<byte>(entry.File.DataOf(entry), (int)bytes)
            : throw entry.File.Fault($"has {bytes} bytes, more than one span can hold. Read it in parts.", name);
    }

    /// <summary>Unmaps the files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in files)
        {
            file.Dispose();
        }
    }

    // Headers may have odd lengths, so nothing in the data is aligned for certain.
    private static unsafe ushort Load16(byte* source, int index) =>
        Unsafe.ReadUnaligned<ushort>(source + (long)index * sizeof(ushort));
}
