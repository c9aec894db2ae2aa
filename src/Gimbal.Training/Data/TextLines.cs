using System.Text;
using System.Text.Unicode;

namespace Gimbal.Training;

/// <summary>The lines of a UTF-8 text file with their numbers; a byte-order mark, CRLF and blank lines are passed over.</summary>
internal static class TextLines
{
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>Every line that is not blank, with its 1-based number.</summary>
    /// <exception cref="InvalidFileException">The file cannot be read; thrown by the call, not by the enumeration.</exception>
    public static IEnumerable<(int Line, ReadOnlyMemory<byte> Bytes)> Read(string path)
    {
        return Split(ReadBytes(path));
    }

    /// <summary>A whole file as text.</summary>
    /// <exception cref="InvalidFileException">The file cannot be read or is not valid UTF-8.</exception>
    public static string ReadText(string path)
    {
        byte[] bytes = ReadBytes(path);
        return Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes.AsSpan(bytes.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0))
            : throw new InvalidFileException(path, "not valid UTF-8; save the file as UTF-8");
    }

    /// <summary>A line as text.</summary>
    /// <exception cref="InvalidFileException">It is not valid UTF-8.</exception>
    public static string Decode(ReadOnlyMemory<byte> bytes, string path, int line)
    {
        CheckUtf8(bytes, path, line);
        return Encoding.UTF8.GetString(bytes.Span);
    }

    /// <summary>Refuses a line that is not valid UTF-8.</summary>
    public static void CheckUtf8(ReadOnlyMemory<byte> bytes, string path, int line)
    {
        if (!Utf8.IsValid(bytes.Span))
        {
            throw new InvalidFileException(path, "not valid UTF-8; save the file as UTF-8", line);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(path, $"cannot be read: {error.Message}", innerException: error);
        }
    }

    private static IEnumerable<(int Line, ReadOnlyMemory<byte> Bytes)> Split(byte[] bytes)
    {
        int start = bytes.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
        for (int line = 1; start < bytes.Length; line++)
        {
            int length = bytes.AsSpan(start).IndexOf((byte)'\n');
            int end = length < 0 ? bytes.Length : start + length;
            int next = end + 1;
            if (end > start && bytes[end - 1] == (byte)'\r')
            {
                end--;
            }

            if (bytes.AsSpan(start, end - start).ContainsAnyExcept(" \t"u8))
            {
                yield return (line, bytes.AsMemory(start, end - start));
            }

            start = next;
        }
    }
}
