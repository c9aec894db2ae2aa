using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Spectre.Console;

namespace Gimbal.Cli.Terminal;

/// <summary>
/// Where a command writes. With <c>--json</c> standard output carries the summary alone and everything else goes to standard
/// error; otherwise everything but errors goes to standard output.
/// </summary>
internal sealed class Output : IDisposable
{
    public Output(bool isJson)
    {
        IsJson = isJson;
        Messages = isJson ? Console.Error : Console.Out;
        IsTerminal = !(isJson ? Console.IsErrorRedirected : Console.IsOutputRedirected);
        Styled = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(Messages),
            Interactive = IsTerminal ? InteractionSupport.Yes : InteractionSupport.No,
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        });
        if (!IsTerminal)
            Styled.Profile.Width = 400; // nothing wraps in a file
        Loggers = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(Environment.GetEnvironmentVariable("GIMBAL_DEBUG") == "1" ? LogLevel.Debug
                : IsTerminal ? LogLevel.Warning : LogLevel.Information)
            .AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>()
            .AddConsole(console =>
            {
                console.FormatterName = LineFormatter.FormatterName;
                console.LogToStandardErrorThreshold = isJson ? LogLevel.Trace : LogLevel.Error;
            }));
    }

    public bool IsJson { get; }

    /// <summary>True if a person is watching: progress bars instead of lines.</summary>
    public bool IsTerminal { get; }

    /// <summary>Everything that is not the summary.</summary>
    public TextWriter Messages { get; }

    /// <summary>The same place, with tables and colours.</summary>
    public IAnsiConsole Styled { get; }

    public ILoggerFactory Loggers { get; }

    /// <summary>The one thing that goes to standard output with <c>--json</c>; nothing without.</summary>
    public void Summary(string json)
    {
        if (IsJson)
            Console.Out.WriteLine(json);
    }

    public void Dispose() => Loggers.Dispose();
}
