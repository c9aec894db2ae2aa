using System.CommandLine;
using Gimbal.Cli.Terminal;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>What a command gets to run with.</summary>
/// <param name="Command">Its name.</param>
/// <param name="Layers">Its configuration, all layers applied.</param>
/// <param name="Output">Where it writes.</param>
/// <param name="IsResumed">True if it continues the run in its output folder.</param>
/// <param name="Parsed">The command line, for options that are no key.</param>
internal sealed record CommandContext(string Command, OptionLayers Layers, Output Output, bool IsResumed, ParseResult Parsed)
{
    /// <summary>The run folder: the one asked for, which must be free unless the run is resumed, or a new one under runs/.</summary>
    /// <exception cref="InvalidFileException">The folder holds another run.</exception>
    public string ChooseFolder()
    {
        string path = Value("output") ?? RunFolder.DefaultPath(Command, ulong.Parse(Value("seed")!, System.Globalization.CultureInfo.InvariantCulture));
        if (!IsResumed)
            RunFolder.RequireFree(path);
        return path;
    }

    /// <summary>Opens the device that the configuration names.</summary>
    public Device OpenDevice()
    {
        RunOptions options = Layers.Get<RunOptions>();
        return Device.Open(options.Device, new DeviceOptions { Threads = options.Threads, Inexact = options.Inexact });
    }

    private string? Value(string key) => Layers.Keys.FirstOrDefault(known => known.Name == key)?.Text is { Length: > 0 } text ? text : null;
}
