using System.CommandLine;

namespace Gimbal.Cli.Commands;

/// <summary>The commands, in the order of the help.</summary>
internal static class CommandList
{
    public static IEnumerable<Command> Create() =>
    [
        VerifyCommand.Create(),
        DoctorCommand.Create(),
    ];
}
