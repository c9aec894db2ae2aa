using Gimbal.Cli.Configuration;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>A configuration file with the command it is of: the one that <c>run.json</c> beside it names, else the first whose keys it has.</summary>
internal sealed record ConfiguredRun(ConfiguredCommand Command, OptionLayers Layers)
{
    /// <summary>The training commands that a file may be of.</summary>
    public static IReadOnlyList<ConfiguredCommand> Trainers() =>
        [new SftCommand(), new PpoCommand(), new DpoCommand(), new KtoCommand(), new GrpoCommand(), new RewardCommand()];

    /// <summary>Reads a file, and lays assignments over it.</summary>
    /// <exception cref="InvalidConfigException">No command has all its keys.</exception>
    public static ConfiguredRun Read(IReadOnlyList<ConfiguredCommand> commands, string file, string[] assignments)
    {
        InvalidConfigException? refused = null;
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string? named = File.Exists(Path.Combine(folder, "run.json")) ? RunFolder.ReadHeader(folder).Command : null;
        foreach (ConfiguredCommand command in commands.OrderByDescending(command => command.Name == named))
        {
            try
            {
                return new ConfiguredRun(command, command.CreateLayers(isQuick: false, layers =>
                {
                    YamlFile.Apply(layers, file);
                    foreach (string assignment in assignments)
                        layers.Set(assignment);
                }));
            }
            catch (InvalidConfigException error)
            {
                // A wrong value says more than a key that is another command's.
                if (refused is null || command.CreateLayers(isQuick: false).Keys.Any(key => key.Name == error.Key))
                    refused = error;
            }
        }

        throw refused!;
    }
}
