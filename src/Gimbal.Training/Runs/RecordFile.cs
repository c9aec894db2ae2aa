using System.IO.Compression;
using System.Globalization;
using System.Text.Json;

namespace Gimbal.Training;

/// <summary>
/// The flight record of a step, <c>records/step-N.jsonl.gz</c> of a run folder: JSON lines, one <see cref="RolloutRecord"/> each,
/// compressed as gzip. N counts the steps taken, the recorded one included, as in <c>metrics.jsonl</c>.
/// </summary>
public static class RecordFile
{
    private const string FolderName = "records", Prefix = "step-", Suffix = ".jsonl.gz";

    private static readonly RunJson Lines = new(new JsonSerializerOptions(RunJson.Default.Options) { WriteIndented = false });

    /// <summary>Writes the record of a step whole.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="samples">Its samples.</param>
    public static void Write(string run, long step, IEnumerable<RolloutRecord> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        using MemoryStream bytes = new();
        using (GZipStream packed = new(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach (RolloutRecord sample in samples)
            {
                JsonSerializer.Serialize(packed, sample, Lines.RolloutRecord);
                packed.WriteByte((byte)'\n');
            }
        }

        AtomicFile.WriteBytes(PathOf(run, step), bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    /// <summary>Reads the record of a step.</summary>
    /// <exception cref="InvalidFileException">There is none, or it is broken.</exception>
    public static IReadOnlyList<RolloutRecord> Read(string run, long step)
    {
        string path = PathOf(run, step);
        List<RolloutRecord> samples = [];
        try
        {
            using StreamReader lines = new(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            while (lines.ReadLine() is { } line)
            {
                samples.Add(JsonSerializer.Deserialize(line, Lines.RolloutRecord) ?? throw new JsonException("the line is empty"));
            }

            return samples;
        }
        catch (Exception error) when (error is IOException or JsonException or InvalidDataException)
        {
            throw new InvalidFileException(path, $"is no flight record: {error.Message}", samples.Count + 1, innerException: error);
        }
    }

    /// <summary>Steps that have a record, ascending.</summary>
    public static IReadOnlyList<long> Steps(string run)
    {
        string folder = Path.Combine(run, FolderName);
        return !Directory.Exists(folder) ? [] : [.. Directory.EnumerateFiles(folder, Prefix + "*" + Suffix).Select(StepOf).OfType<long>().Order()];
    }

    /// <summary>Deletes the records after a step: a run resumed there takes those steps again.</summary>
    internal static void CutAfter(string run, long step)
    {
        foreach (long later in Steps(run).Where(found => found > step))
        {
            File.Delete(PathOf(run, later));
        }
    }

    private static string PathOf(string run, long step) =>
        Path.Combine(run, FolderName, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}{Suffix}"));

    private static long? StepOf(string path)
    {
        string name = Path.GetFileName(path);
        return long.TryParse(name.AsSpan(Prefix.Length, name.Length - Prefix.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step)
            ? step : null;
    }
}
