using System.CommandLine;
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
    private readonly Option<string?> outFlag = new("--out") { Description = "Run folder, new or empty (key: output)." };
    private readonly Option<DirectoryInfo?> resumeFlag = new("--resume") { Description = "Continues the run in this folder from its last checkpoint.", HelpName = "RUN" };
    private readonly Option<bool> jsonFlag = new("--json") { Description = "Standard output carries the summary alone; all else goes to standard error." };
    private readonly Option<bool> quickFlag = new("--quick") { Description = "Small settings, at most 5 GFLOP in all: for tests and slow devices." };
    private readonly List<(Option<string?> Flag, string Key)> shortcuts = [];

    protected ConfiguredCommand(string name, string description, bool canResume = true) : base(name, description)
    {
        foreach (Option option in (Option[])[configFlag, setFlag, seedFlag, deviceFlag, threadsFlag, outFlag, jsonFlag, quickFlag])
            Options.Add(option);
        if (canResume)
            Options.Add(resumeFlag);
        SetAction(InvokeAsync);
    }

    /// <summary>The command's keys with their defaults.</summary>
    /// <param name="isQuick">True: those of <c>--quick</c>.</param>
    public abstract OptionLayers CreateLayers(bool isQuick);

    /// <summary>Does the work.</summary>
    /// <returns>A code of <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken);

    /// <summary>A flag that is short for one key.</summary>
    protected void AddShortcut(string flag, string key, string description)
    {
        Option<string?> option = new(flag) { Description = $"{description} (key: {key})." };
        shortcuts.Add((option, key));
        Options.Add(option);
    }

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        OptionLayers layers = CreateLayers(parsed.GetValue(quickFlag));
        DirectoryInfo? resumed = parsed.GetValue(resumeFlag);
        if (resumed is not null)
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
        SetFrom(layers, "seed", parsed.GetValue(seedFlag)?.ToString(System.Globalization.CultureInfo.InvariantCulture), "--seed");
        SetFrom(layers, "device", parsed.GetValue(deviceFlag), "--device");
        SetFrom(layers, "threads", parsed.GetValue(threadsFlag)?.ToString(System.Globalization.CultureInfo.InvariantCulture), "--threads");
        SetFrom(layers, "output", parsed.GetValue(outFlag), "--out");
        foreach ((Option<string?> flag, string key) in shortcuts)
            SetFrom(layers, key, parsed.GetValue(flag), flag.Name);

        using Output console = new(parsed.GetValue(jsonFlag));
        CommandContext context = new(Name, layers, console, resumed is not null, parsed.GetValue(quickFlag));
        return await RunAsync(context, cancellationToken).ConfigureAwait(false);
    }

    private static void SetFrom(OptionLayers layers, string key, string? value, string flag)
    {
        if (value is not null)
            layers.Set(key, value, flag);
    }
}
