using System.CommandLine;
using Gimbal.Cli.Inspect;
using Gimbal.Cli.Report;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal inspect RUN</c>: what stands out in a run, on the terminal and in its report.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> run = new("RUN") { Description = "Run folder; one that was trained with --record says more." };
        Option<int> top = new("--top") { Description = "Samples to show of highest and of lowest advantage.", DefaultValueFactory = _ => 5 };
        Command command = new("inspect", "Shows what stands out in a run: samples, reward parts, lengths, equal groups, clipping.") { run, top };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(run);
            Inspection inspection = Inspection.Of(folder, Math.Max(1, parsed.GetValue(top)));
            InspectionText.Write(parsed.InvocationConfiguration.Output, inspection);
            InspectionSection.WriteInto(folder, inspection);
            return ExitCode.Success;
        });
        return command;
    }
}
