using System.CommandLine;
using System.Globalization;
using Gimbal.Cli.Configuration;
using Gimbal.Cli.Terminal;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>
/// A command that is configured by keys: defaults, then <c>--quick</c>, then the file of <c>--config</c> (or the resumed run's
/// <c>run.yaml</c>), then <c>--set</c>, then the options that have a flag of their own.
/// </summary>
internal abstract class ConfiguredCommand : Command
{
    private readonly Option<FileInfo?> configFlag = new("--config") { Description = "YAML file of configuration keys.", HelpName = "file.yaml" };
    private readonly Option<string[]> setFlag = new("--set") { Description = "Sets one configuration key; may be repeated.", HelpName = "a.b=c" };
    private readonly Option<ulong?> seedFlag = new("--seed") { Description = "Seed of every random draw (key: seed)." };
    private readonly Option<string?> deviceFlag = new("--device") { Description = "cpu or cuda:N (key: device)." };
    private readonly Option<int?> threadsFlag = new("--threads") { Description = "Threads of the cpu device (key: threads)." };
    private readonly Option<bool> inexactFlag = new("--inexact") { Description = "CUDA: forward products through cuBLASLt too (key: inexact)." };
    private readonly Option<string?> outFlag = new("--out") { Description = "Run folder, new or empty (key: output)." };
    private readonly Option<DirectoryInfo?> resumeFlag = new("--resume") { Description = "Continues the run in this folder from its last checkpoint.", HelpName = "RUN" };
    private readonly Option<bool> jsonFlag = new("--json") { Description = "Standard output carries the summary alone; all else goes to standard error." };
    private readonly Option<bool> quickFlag = new("--quick") { Description = "Small settings, at most 5 GFLOP in all: for tests and slow devices." };
    private readonly List<(Option<string?> Flag, string Key)> shortcuts = [];
    private readonly List<(Option<bool> Flag, string Key)> switches = [];

    /// <param name="name">The command.</param>
    /// <param name="description">What it does.</param>
    /// <param name="isRun">True: it makes a run folder, and takes the flags that go with one.</param>
    protected ConfiguredCommand(string name, string description, bool isRun = true) : base(name, description)
    {
        Option[] always = [configFlag, setFlag, seedFlag, deviceFlag, threadsFlag, inexactFlag, jsonFlag];
        Option[] ofRuns = [outFlag, resumeFlag, quickFlag];
        foreach (Option option in isRun ? [.. always, .. ofRuns] : always)
            Options.Add(option);
        foreach ((string flag, string key, string meaning) in Switches)
        {
            Option<bool> option = new(flag) { Description = $"{meaning} (key: {key})." };
            switches.Add((option, key));
            Options.Add(option);
        }

        SetAction(InvokeAsync);
    }

    /// <summary>The command's keys with their defaults.</summary>
    /// <param name="isQuick">True: those of <c>--quick</c>.</param>
    public abstract OptionLayers CreateLayers(bool isQuick);

    /// <summary>The command's keys with what is laid over their defaults, which may ask for other defaults.</summary>
    /// <param name="isQuick">True: those of <c>--quick</c>.</param>
    /// <param name="apply">Lays values over the defaults; called again if these ask for others.</param>
    public OptionLayers CreateLayers(bool isQuick, Action<OptionLayers> apply)
    {
        OptionLayers layers = CreateLayers(isQuick);
        apply(layers);
        if (CreateLayers(layers, isQuick) is not { } others)
            return layers;
        apply(others);
        return others;
    }

    /// <summary>Does the work.</summary>
    /// <returns>A code of <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken);

    /// <summary>Flags without a value, each of which sets one key to true.</summary>
    protected virtual IEnumerable<(string Flag, string Key, string Description)> Switches => [];

    /// <summary>The trainer that the command would run, with its data and models.</summary>
    internal virtual TrainingJob PrepareJob(CommandContext context, Tensors.Device device) => throw new NotSupportedException($"{Name} has no trainer");

    /// <summary>A flag that is short for one key.</summary>
    protected void AddShortcut(string flag, string key, string description)
    {
        Option<string?> option = new(flag) { Description = $"{description} (key: {key})." };
        shortcuts.Add((option, key));
        Options.Add(option);
    }

    /// <summary>The flag <c>--dtype</c>, of commands with a language model.</summary>
    protected void AddDtype() => AddShortcut("--dtype", "dtype", "float32 or bf16");

    /// <summary>Other defaults that the configuration itself asks for, as another task's; null: those at hand are right.</summary>
    /// <param name="asked">All layers over the usual defaults.</param>
    /// <param name="isQuick">As in <see cref="CreateLayers(bool)"/>.</param>
    protected virtual OptionLayers? CreateLayers(OptionLayers asked, bool isQuick) => null;

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        OptionLayers layers = CreateLayers(parsed.GetValue(quickFlag), layers => Apply(layers, parsed));
        using Output console = new(parsed.GetValue(jsonFlag));
        CommandContext context = new(Name, layers, console, parsed.GetValue(resumeFlag) is not null, parsed);
        return await RunAsync(context, cancellationToken).ConfigureAwait(false);
    }

    private void Apply(OptionLayers layers, ParseResult parsed)
    {
        if (parsed.GetValue(resumeFlag) is { } resumed)
        {
            RunHeader header = RunFolder.ReadHeader(resumed.FullName);
            if (header.Command != Name)
                throw new InvalidConfigException("--resume", $"{resumed} is a run of '{header.Command}', not of '{Name}'.", header.Command);
            YamlFile.Apply(layers, Path.Combine(resumed.FullName, "run.yaml"));
            layers.Set("output", resumed.FullName, "--resume");
        }

        if (parsed.GetValue(configFlag) is { } file)
            YamlFile.Apply(layers, file.ToString());
        foreach (string assignment in parsed.GetValue(setFlag) ?? [])
            layers.Set(assignment);
        SetFrom(layers, "seed", parsed.GetValue(seedFlag)?.ToString(CultureInfo.InvariantCulture), "--seed");
        SetFrom(layers, "device", parsed.GetValue(deviceFlag), "--device");
        SetFrom(layers, "threads", parsed.GetValue(threadsFlag)?.ToString(CultureInfo.InvariantCulture), "--threads");
        SetFrom(layers, "inexact", parsed.GetValue(inexactFlag) ? "true" : null, "--inexact");
        SetFrom(layers, "output", parsed.GetValue(outFlag), "--out");
        foreach ((Option<string?> flag, string key) in shortcuts)
            SetFrom(layers, key, parsed.GetValue(flag), flag.Name);
        foreach ((Option<bool> flag, string key) in switches)
            SetFrom(layers, key, parsed.GetValue(flag) ? "true" : null, flag.Name);
    }

    private static void SetFrom(OptionLayers layers, string key, string? value, string flag)
    {
        if (value is not null)
            layers.Set(key, value, flag);
    }
}
