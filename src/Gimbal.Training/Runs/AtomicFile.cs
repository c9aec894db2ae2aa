using System.Text;

namespace Gimbal.Training;

/// <summary>
/// Files and folders that are either as they were or complete: written under a temporary name beside the target, flushed to
/// the disk, then renamed. A name that starts with <c>.tmp-</c> is what a killed process left behind and may be deleted.
/// </summary>
public static class AtomicFile
{
    private const string Prefix = ".tmp-";

    /// <summary>Writes a whole file, replacing an older one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">Its text, written as UTF-8 without a byte-order mark.</param>
    public static void WriteText(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text), replace: true);

    /// <summary>Writes a whole file, replacing an older one.</summary>
    public static void WriteBytes(string path, ReadOnlySpan<byte> bytes) => Write(path, bytes, replace: true);

    /// <summary>Writes a file that must not exist yet.</summary>
    /// <exception cref="IOException">The file exists; it is left as it was.</exception>
    public static void WriteNewText(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text), replace: false);

    /// <summary>Fills a folder under a temporary name, flushes its files and renames it to <paramref name="path"/>.</summary>
    /// <param name="path">The folder; an older one is replaced, and is whole until the new one is complete.</param>
    /// <param name="fill">Writes the files into the folder it is given.</param>
    public static void WriteFolder(string path, Action<string> fill)
    {
        string temporary = TemporaryName(path);
        Directory.CreateDirectory(temporary);
        try
        {
            fill(temporary);
            foreach (string file in Directory.EnumerateFiles(temporary, "*", SearchOption.AllDirectories))
            {
                using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
                stream.Flush(flushToDisk: true);
            }

            string? old = null;
            if (Directory.Exists(path))
            {
                old = TemporaryName(path);
                Directory.Move(path, old);
            }

            Directory.Move(temporary, path);
            if (old is not null)
                Directory.Delete(old, recursive: true);
        }
        catch
        {
            if (Directory.Exists(temporary))
                Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    private static void Write(string path, ReadOnlySpan<byte> bytes, bool replace)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string temporary = TemporaryName(path);
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, replace);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static string TemporaryName(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.Combine(Path.GetDirectoryName(full)!, $"{Prefix}{Path.GetFileName(full)}-{Guid.NewGuid():N}");
    }
}
