using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Gimbal.Cli.Commands;
using Gimbal.Cli.Configuration;
using Gimbal.Cli.Terminal;

namespace Gimbal.Cli;

/// <summary>The <c>gimbal</c> command: parses, runs one command, turns errors into one line and an exit code.</summary>
internal static class Application
{
    /// <summary>Runs the command line.</summary>
    /// <returns>A code of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        RootCommand root = CreateRoot();
        ParseResult parsed = root.Parse(arguments);
        if (arguments.Length == 0)
        {
            await root.Parse(["--help"]).InvokeAsync().ConfigureAwait(false);
            return ExitCode.Usage;
        }

        if (parsed.Errors.Count > 0 && parsed.Action is not (HelpAction or ConfigurationHelpAction))
            return ReportUsage(parsed);

        using Interruption interruption = new();
        try
        {
            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, interruption.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (interruption.Token.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("gimbal: stopped.").ConfigureAwait(false);
            return ExitCode.Interrupted;
        }
        catch (Exception exception)
        {
            return Report(exception);
        }
    }

    /// <summary>The command with all its sub-commands; also what the help test walks over.</summary>
    public static RootCommand CreateRoot()
    {
        RootCommand root = new("Gimbal: post-training of language models (SFT, reward model, PPO, DPO, GRPO) and PPO for control tasks.");
        foreach (Command command in CommandList.Create())
            root.Subcommands.Add(command);
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ConfigurationHelpAction((HelpAction)help.Action!);
        return root;
    }

    private static int ReportUsage(ParseResult parsed)
    {
        foreach (ParseError error in parsed.Errors)
            Console.Error.WriteLine($"gimbal: {error.Message}");
        string command = parsed.CommandResult.Command is RootCommand ? "" : " " + parsed.CommandResult.Command.Name;
        Console.Error.WriteLine($"Try 'gimbal{command} --help'.");
        return ExitCode.Usage;
    }

    private static int Report(Exception exception)
    {
        bool isDebug = Environment.GetEnvironmentVariable("GIMBAL_DEBUG") == "1";
        Exception cause = exception;
        while (cause is TypeInitializationException or AggregateException && cause.InnerException is { } inner)
            cause = inner;

        bool isExpected = cause is GimbalException or IOException or UnauthorizedAccessException;
        Console.Error.WriteLine($"gimbal: {(isExpected ? "" : $"unexpected {cause.GetType().Name}: ")}{cause.Message}");
        if (isDebug)
            Console.Error.WriteLine(exception);
        else if (!isExpected)
            Console.Error.WriteLine("Set GIMBAL_DEBUG=1 to see where.");
        return cause is InvalidConfigException ? ExitCode.Usage : ExitCode.Failure;
    }
}
