using System.CommandLine;

namespace Gimbal.Cli.Commands;

/// <summary>The commands, in the order of the help.</summary>
internal static class CommandList
{
    public static IEnumerable<Command> Create() =>
    [
        new CompareCommand(),
        new SftCommand(),
        new RewardCommand(),
        new PpoCommand(),
        new DpoCommand(),
        new KtoCommand(),
        new GrpoCommand(),
        new ControlCommand(),
        new GenerateCommand(),
        ExplainCommand.Create([.. ConfiguredRun.Trainers(), new ControlCommand()]),
        InspectCommand.Create(),
        VerifyCommand.Create(),
        BenchCommand.Create(),
        DoctorCommand.Create(),
    ];
}
