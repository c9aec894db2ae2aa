using Gimbal.Cli.Terminal;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>What a command gets to run with.</summary>
/// <param name="Command">Its name.</param>
/// <param name="Layers">Its configuration, all layers applied.</param>
/// <param name="Output">Where it writes.</param>
/// <param name="IsResumed">True if it continues the run in its output folder.</param>
/// <param name="IsQuick">True if small settings were asked for.</param>
internal sealed record CommandContext(string Command, OptionLayers Layers, Output Output, bool IsResumed, bool IsQuick)
{
    /// <summary>Opens the run folder, new or resumed. Call it once every option has been read, so that a wrong one leaves
    /// nothing behind.</summary>
    public RunFolder OpenRun()
    {
        string? output = Value("output");
        RunFolder folder = IsResumed ? RunFolder.Resume(output!)
            : RunFolder.Create(Command, ulong.Parse(Value("seed")!, System.Globalization.CultureInfo.InvariantCulture),
                Value("device") ?? "cpu", output, OptionsYaml.Write(Layers));
        Output.Messages.WriteLine($"run folder {Path.GetRelativePath(Environment.CurrentDirectory, folder.Path)}");
        return folder;
    }

    private string? Value(string key) => Layers.Keys.FirstOrDefault(known => known.Name == key)?.Text is { Length: > 0 } text ? text : null;
}
