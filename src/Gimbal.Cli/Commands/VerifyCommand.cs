using System.CommandLine;
using System.Globalization;
using Gimbal.Cli.Golden;
using Gimbal.Tensors;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal verify DIR</c>: checks the ops against golden cases, one line an operation.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        Argument<string> folder = new("DIR") { Description = "Folder of golden cases (<op>/<case>.json), searched to any depth." };
        Option<string> device = new("--device") { Description = "Device to check: cpu or cuda:N.", DefaultValueFactory = _ => "cpu" };
        Option<int> threads = new("--threads") { Description = "Threads of the CPU; 0 takes every processor.", DefaultValueFactory = _ => 0 };
        Command command = new("verify", "Checks the ops against reference cases of other systems.") { folder, device, threads };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(folder), parsed.GetRequiredValue(device), parsed.GetRequiredValue(threads)));
        return command;
    }

    private static int Run(string folder, string deviceName, int threads)
    {
        using Device device = Device.Open(deviceName, new DeviceOptions { Threads = threads });
        Console.WriteLine(device);
        List<CaseResult> results = [.. GoldenSuite.Run(folder, device)];
        Console.WriteLine($"{"operation",-26}{"passed",8}{"failed",8}{"unsupported",13}  worst error / tolerance");
        foreach (IGrouping<string, CaseResult> operation in results.GroupBy(result => result.Operation))
        {
            CaseResult[] passed = [.. operation.Where(result => result.Outcome == Outcome.Passed)];
            string worst = passed.Length == 0 ? "" : passed.Max(result => result.WorstError).ToString("F3", CultureInfo.InvariantCulture);
            Console.WriteLine($"{operation.Key,-26}{passed.Length,8}{Count(operation, Outcome.Failed),8}" +
                $"{Count(operation, Outcome.Unsupported),13}  {worst}");
        }

        List(results, Outcome.Unsupported);
        List(results, Outcome.Failed);
        Console.WriteLine($"verify: {Count(results, Outcome.Passed)} passed, {Count(results, Outcome.Failed)} failed, " +
            $"{Count(results, Outcome.Unsupported)} unsupported");
        return Count(results, Outcome.Failed) == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static void List(List<CaseResult> results, Outcome outcome)
    {
        foreach (CaseResult result in results.Where(result => result.Outcome == outcome))
            Console.WriteLine($"{(outcome == Outcome.Failed ? "FAILED" : "unsupported")} {result.Operation}/{result.Name}: {result.Message}");
    }

    private static int Count(IEnumerable<CaseResult> results, Outcome outcome) => results.Count(result => result.Outcome == outcome);
}
