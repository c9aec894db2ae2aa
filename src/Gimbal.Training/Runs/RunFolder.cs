using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;

namespace Gimbal.Training;

/// <summary>
/// The folder of one run. Layout:
/// <code>
/// runs/grpo-20260131T174500Z-s0/
///   run.yaml         the configuration in full, as resolved
///   run.json         RunHeader; whoever finds one that is not his leaves the folder alone
///   metrics.jsonl    one line a step, appended
///   samples.jsonl    completions now and then, appended
///   records/step-N.jsonl.gz   every token of a step, where it was asked for (RecordFile)
///   checkpoints/step-N/   everything needed to continue after N steps
///   model/           the trained model
///   summary.json  report.html
/// </code>
/// Files that are written whole appear whole (<see cref="AtomicFile"/>). A line of <c>metrics.jsonl</c> says how many steps
/// were taken, its own included, so that a resume from <c>step-N</c> keeps the lines up to N.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const int Schema = 1;
    private const string CheckpointPrefix = "step-";

    private readonly FileStream samples;
    private readonly byte[] newline = "\n"u8.ToArray();

    private RunFolder(string path, RunHeader header, long? checkpointStep)
    {
        (Path, Header, CheckpointStep) = (path, header, checkpointStep);
        Metrics = new MetricsWriter(File("metrics.jsonl"));
        samples = new FileStream(File("samples.jsonl"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 0);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What <c>run.json</c> says.</summary>
    public RunHeader Header { get; }

    /// <summary>Steps of the newest checkpoint; null if there is none. A trainer that finds one continues from it.</summary>
    public long? CheckpointStep { get; private set; }

    /// <summary>Appends to <c>metrics.jsonl</c>.</summary>
    public MetricsWriter Metrics { get; }

    /// <summary>
    /// The run folder that a trainer's options ask for: the open one they carry (a handle of its own), the one to resume, a
    /// new one, or none. The trainer disposes what it gets.
    /// </summary>
    /// <param name="command">The algorithm, as in <c>grpo</c>.</param>
    /// <param name="options">The trainer's options.</param>
    /// <param name="device">Device of the run.</param>
    public static RunFolder? For(string command, TrainerOptions options, string device)
    {
        if (options.Run is { } open)
            return new RunFolder(open.Path, open.Header, open.CheckpointStep);
        if (options.Output is not { Length: > 0 } output)
            return null;
        return options.Resume ? Resume(output)
            : Create(command, options.Seed, device, output, options.Configuration ?? OptionsYaml.Write(OptionLayers.Of(options)));
    }

    /// <summary>Starts a run in a folder of its own.</summary>
    /// <param name="command">The command, as in <c>grpo</c>.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="device">Device of the run.</param>
    /// <param name="output">The folder; null: <c>runs/command-utc-sSEED</c> under the current folder.</param>
    /// <param name="yaml">Text of <c>run.yaml</c>.</param>
    /// <exception cref="InvalidFileException">The folder holds another run, or cannot be made.</exception>
    public static RunFolder Create(string command, ulong seed, string device, string? output, string yaml)
    {
        RunHeader header = new()
        {
            Schema = Schema,
            Command = command,
            Seed = seed,
            Device = device,
            Version = typeof(RunFolder).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion.Split('+')[0] ?? "0",
            Started = DateTimeOffset.UtcNow,
        };
        string path = System.IO.Path.GetFullPath(output ?? DefaultPath(command, seed));
        try
        {
            Directory.CreateDirectory(path);
            AtomicFile.WriteNewText(System.IO.Path.Combine(path, "run.json"),
                JsonSerializer.Serialize(header, RunJson.Default.RunHeader) + "\n");
        }
        catch (IOException exception) when (System.IO.File.Exists(System.IO.Path.Combine(path, "run.json")))
        {
            throw Taken(path, exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(path, $"cannot be made a run folder: {exception.Message}",
                innerException: exception);
        }

        AtomicFile.WriteText(System.IO.Path.Combine(path, "run.yaml"), yaml);
        return new RunFolder(path, header, null);
    }

    /// <summary>A folder that no run has yet, <c>runs/command-utc-sSEED</c> under the current folder.</summary>
    public static string DefaultPath(string command, ulong seed)
    {
        string path = System.IO.Path.Combine("runs", string.Create(CultureInfo.InvariantCulture,
            $"{command}-{DateTime.UtcNow:yyyyMMdd'T'HHmmss'Z'}-s{seed}"));
        string free = path;
        for (int number = 2; Directory.Exists(free); number++)
            free = string.Create(CultureInfo.InvariantCulture, $"{path}-{number}");
        return free;
    }

    /// <summary>Throws if a folder holds a run: to be asked before long work, since <see cref="Create"/> asks only when it starts.</summary>
    /// <exception cref="InvalidFileException">The folder holds another run.</exception>
    public static void RequireFree(string path)
    {
        if (System.IO.File.Exists(System.IO.Path.Combine(path, "run.json")))
            throw Taken(path, null);
    }

    /// <summary>Opens a run to continue it: lines written after its newest checkpoint are cut off.</summary>
    /// <param name="path">The run folder.</param>
    /// <exception cref="InvalidFileException">There is no run there, or its <c>run.json</c> cannot be read.</exception>
    public static RunFolder Resume(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        RunHeader header = ReadHeader(path);
        long? step = NewestCheckpoint(path);
        LineFile.CutAfter(System.IO.Path.Combine(path, "metrics.jsonl"), step ?? 0);
        LineFile.CutAfter(System.IO.Path.Combine(path, "samples.jsonl"), step ?? 0);
        RecordFile.CutAfter(path, step ?? 0);
        return new RunFolder(path, header, step);
    }

    /// <summary>Reads a folder's <c>run.json</c>.</summary>
    /// <exception cref="InvalidFileException">There is none, or it cannot be read.</exception>
    public static RunHeader ReadHeader(string path)
    {
        string file = System.IO.Path.Combine(path, "run.json");
        if (!System.IO.File.Exists(file))
            throw new InvalidFileException(file, "there is no such file: the folder is no run folder.");
        try
        {
            RunHeader header = JsonSerializer.Deserialize(System.IO.File.ReadAllText(file), RunJson.Default.RunHeader)
                ?? throw new JsonException("it is empty");
            return header.Schema == Schema ? header
                : throw new InvalidFileException(file, $"has schema {header.Schema}; this version knows schema {Schema}.");
        }
        catch (JsonException exception)
        {
            throw new InvalidFileException(file, $"is not a run header: {exception.Message}", innerException: exception);
        }
    }

    /// <summary>Path of a file or folder of the run.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Folder of the checkpoint after <paramref name="step"/> steps.</summary>
    public string CheckpointPath(long step) =>
        System.IO.Path.Combine(Path, "checkpoints", string.Create(CultureInfo.InvariantCulture, $"{CheckpointPrefix}{step}"));

    /// <summary>Commits a checkpoint: it is either absent or complete.</summary>
    /// <param name="step">Steps taken.</param>
    /// <param name="keep">Newest checkpoints to keep; 0: all.</param>
    /// <param name="write">Writes the files into the folder it is given.</param>
    public void WriteCheckpoint(long step, int keep, Action<string> write)
    {
        AtomicFile.WriteFolder(CheckpointPath(step), write);
        CheckpointStep = step;
        if (keep <= 0)
            return;
        foreach (long old in Checkpoints(Path).OrderDescending().Skip(keep))
            Directory.Delete(CheckpointPath(old), recursive: true);
    }

    /// <summary>Writes <c>model/</c>.</summary>
    public void WriteModel(Action<string> write) => AtomicFile.WriteFolder(File("model"), write);

    /// <summary>Appends a line to <c>samples.jsonl</c>.</summary>
    public void WriteSample(SampleRecord sample)
    {
        byte[] line = Encoding.UTF8.GetBytes(
            JsonSerializer.Serialize(sample, CompactJson.SampleRecord).ReplaceLineEndings(" "));
        samples.Write([.. line, .. newline]);
    }

    /// <summary>Writes a whole file of the run, as <c>summary.json</c> and <c>report.html</c>.</summary>
    public void WriteText(string name, string text) => AtomicFile.WriteText(File(name), text);

    /// <summary>Closes the files that are appended to.</summary>
    public void Dispose()
    {
        Metrics.Dispose();
        samples.Dispose();
    }

    private static readonly RunJson CompactJson =
        new(new JsonSerializerOptions(RunJson.Default.Options) { WriteIndented = false });

    private static InvalidFileException Taken(string path, Exception? cause) => new(path,
        "holds another run (run.json) and is left as it is; choose another folder with --out, or continue that run with --resume.",
        innerException: cause);

    private static long? NewestCheckpoint(string path)
    {
        long newest = Checkpoints(path).DefaultIfEmpty(-1).Max();
        return newest < 0 ? null : newest;
    }

    private static IEnumerable<long> Checkpoints(string path)
    {
        string folder = System.IO.Path.Combine(path, "checkpoints");
        if (!Directory.Exists(folder))
            yield break;
        foreach (string checkpoint in Directory.EnumerateDirectories(folder, CheckpointPrefix + "*"))
        {
            if (long.TryParse(System.IO.Path.GetFileName(checkpoint).AsSpan(CheckpointPrefix.Length), NumberStyles.None,
                CultureInfo.InvariantCulture, out long step))
                yield return step;
        }
    }
}
