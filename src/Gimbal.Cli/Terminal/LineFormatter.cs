using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Gimbal.Cli.Terminal;

/// <summary>Log lines for people: time, the level where it is not information, the message.</summary>
internal sealed class LineFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "gimbal";

    /// <summary>The trainers' own line per step: <see cref="TrainingDisplay"/> shows steps, and more of them.</summary>
    private const string StepEvent = "Stepped";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        if (logEntry.EventId.Name == StepEvent)
            return;
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception).ReplaceLineEndings(" ");
        string level = logEntry.LogLevel == LogLevel.Information ? "" : logEntry.LogLevel.ToString().ToUpperInvariant() + " ";
        textWriter.WriteLine($"{DateTime.Now:HH:mm:ss} {level}{message}{(logEntry.Exception is { } error ? $" ({error.Message})" : "")}");
    }
}
