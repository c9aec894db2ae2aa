using System.CommandLine;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal explain --config run.yaml</c>: the formulas of a run with their numbers, and named dialects beside it.</summary>
internal static class ExplainCommand
{
    public static Command Create(IReadOnlyList<ConfiguredCommand> trainers)
    {
        Option<FileInfo> config = new("--config") { Description = "YAML file of a run, such as run.yaml of its folder.", Required = true, HelpName = "file.yaml" };
        Option<string[]> set = new("--set") { Description = "Sets one configuration key; may be repeated.", HelpName = "a.b=c" };
        Command command = new("explain", "Prints each formula that a configuration puts in force, with its numbers.") { config, set };
        command.SetAction(parsed => Run(trainers, parsed.GetRequiredValue(config).ToString(), parsed.GetValue(set) ?? []));
        return command;
    }

    private static int Run(IReadOnlyList<ConfiguredCommand> trainers, string file, string[] assignments)
    {
        (ConfiguredCommand trainer, OptionLayers layers) = ConfiguredRun.Read(trainers, file, assignments);
        Console.WriteLine(trainer.Name);
        foreach (string line in (IEnumerable<string>)[.. Explanation.Of(layers), .. Explanation.OfDtype(layers)])
            Console.WriteLine($"  {line}");
        return ExitCode.Success;
    }
}
