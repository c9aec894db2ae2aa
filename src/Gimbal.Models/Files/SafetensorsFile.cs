using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Gimbal.Models;

/// <summary>One mapped safetensors file. Layout: u64 header length (little endian) | JSON header | data.</summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    // The limit of the reference implementation: a larger header is an attack or not a safetensors file.
    private const long HeaderLimit = 100_000_000;

    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* bytes;
    private readonly long dataOffset;
    private bool disposed;

    public SafetensorsFile(string path)
    {
        Path = path;
        FileStream stream = Open(path);
        try
        {
            long length = stream.Length;
            if (length < 8)
            {
                throw Fault($"{length} bytes are too few for a safetensors file, which begins with 8 bytes of header length. " +
                    "Was the download or copy cut off?");
            }

            byte[] header = ReadHeader(stream, length);
            dataOffset = 8 + header.Length;
            Header = SafetensorsHeader.Parse(this, header, length - dataOffset);
            map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None,
                leaveOpen: false);
        }
        catch
        {
            stream.Dispose();
            throw;
        }

        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        bytes = pointer + view.PointerOffset;
    }

    public string Path { get; }

    public SafetensorsHeader Header { get; }

    /// <summary>First byte of a tensor's data.</summary>
    public byte* DataOf(SafetensorsEntry entry)
    {
        ObjectDisposedException.ThrowIf(disposed, typeof(SafetensorsReader));
        return bytes + dataOffset + entry.Begin;
    }

    public InvalidFileException Fault(string message, string? tensor = null, Exception? cause = null) =>
        new(Path, message, tensor: tensor, innerException: cause);

    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            map.Dispose();
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(path, $"cannot be opened: {e.Message}", innerException: e);
        }
    }

    private byte[] ReadHeader(FileStream stream, long length)
    {
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong declared = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (declared > HeaderLimit)
        {
            throw Fault($"the header claims {declared} bytes, more than the {HeaderLimit} that the format allows. " +
                "This is not a safetensors file, or its first bytes are damaged.");
        }

        if (declared > (ulong)(length - 8))
        {
            throw Fault($"the header claims {declared} bytes, but only {length - 8} follow. Was the download or copy cut off?");
        }

        byte[] header = new byte[(int)declared];
        stream.ReadExactly(header);
        return header;
    }
}
