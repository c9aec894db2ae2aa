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
    private readonly Option<FileInfo?> _config = new("--config") { Description = "YAML file of configuration keys.", HelpName = "file.yaml" };
    private readonly Option<string[]> _set = new("--set") { Description = "Sets one configuration key; may be repeated.", HelpName = "a.b=c" };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Seed of every random draw (key: seed)." };
    private readonly Option<string?> _device = new("--device") { Description = "cpu or cuda:N (key: device)." };
    private readonly Option<int?> _threads = new("--threads") { Description = "Threads of the cpu device (key: threads)." };
    private readonly Option<string?> _out = new("--out") { Description = "Run folder, new or empty (key: output)." };
    private readonly Option<DirectoryInfo?> _resume = new("--resume") { Description = "Continues the run in this folder from its last checkpoint.", HelpName = "RUN" };
    private readonly Option<bool> _json = new("--json") { Description = "Standard output carries the summary alone; all else goes to standard error." };
    private readonly Option<bool> _quick = new("--quick") { Description = "Small settings, at most 5 GFLOP in all: for tests and slow devices." };
    private readonly List<(Option<string?> Flag, string Key)> _shortcuts = [];

    protected ConfiguredCommand(string name, string description, bool canResume = true) : base(name, description)
    {
        foreach (Option option in (Option[])[_config, _set, _seed, _device, _threads, _out, _json, _quick])
            Options.Add(option);
        if (canResume)
            Options.Add(_resume);
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
        _shortcuts.Add((option, key));
        Options.Add(option);
    }

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        OptionLayers layers = CreateLayers(parsed.GetValue(_quick));
        DirectoryInfo? resume = parsed.GetValue(_resume);
        if (resume is not null)
        {
            RunHeader header = RunFolder.ReadHeader(resume.FullName);
            if (header.Command != Name)
                throw new InvalidConfigException("--resume", $"{resume} is a run of '{header.Command}', not of '{Name}'.", header.Command);
            YamlFile.Apply(layers, Path.Combine(resume.FullName, "run.yaml"));
            layers.Set("output", resume.FullName, "--resume");
        }

        if (parsed.GetValue(_config) is { } config)
            YamlFile.Apply(layers, config.ToString());
        foreach (string assignment in parsed.GetValue(_set) ?? [])
            layers.Set(assignment);
        SetFrom(layers, "seed", parsed.GetValue(_seed)?.ToString(System.Globalization.CultureInfo.InvariantCulture), "--seed");
        SetFrom(layers, "device", parsed.GetValue(_device), "--device");
        SetFrom(layers, "threads", parsed.GetValue(_threads)?.ToString(System.Globalization.CultureInfo.InvariantCulture), "--threads");
        SetFrom(layers, "output", parsed.GetValue(_out), "--out");
        foreach ((Option<string?> flag, string key) in _shortcuts)
            SetFrom(layers, key, parsed.GetValue(flag), flag.Name);

        using Output output = new(parsed.GetValue(_json));
        CommandContext context = new(Name, layers, output, resume is not null, parsed.GetValue(_quick));
        return await RunAsync(context, cancellationToken).ConfigureAwait(false);
    }

    private static void SetFrom(OptionLayers layers, string key, string? value, string flag)
    {
        if (value is not null)
            layers.Set(key, value, flag);
    }
}
