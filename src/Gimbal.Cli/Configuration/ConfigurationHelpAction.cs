using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Gimbal.Cli.Commands;
using Gimbal.Training;

namespace Gimbal.Cli.Configuration;

/// <summary>The usual help, then every configuration key of the command with its meaning and default.</summary>
internal sealed class ConfigurationHelpAction(HelpAction usual) : SynchronousCommandLineAction
{
    private const int KeyWidth = 34;
    private const int DefaultWidth = 14;

    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is ConfiguredCommand command)
            Write(parseResult.InvocationConfiguration.Output, command.CreateLayers(isQuick: false), TerminalWidth());
        return code;
    }

    internal static void Write(TextWriter output, OptionLayers layers, int width)
    {
        output.WriteLine("Configuration keys (grouped in the YAML file, dotted after --set), defaults, meanings:");
        string? group = null;
        foreach (OptionKey key in layers.Keys)
        {
            string own = key.Name.Split('.')[0];
            if (group is not null && own != group && key.Name.Contains('.', StringComparison.Ordinal))
                output.WriteLine();
            group = own;
            string left = $"  {key.Name.PadRight(KeyWidth)} {(key.Default.Length == 0 ? "-" : key.Default).PadRight(DefaultWidth)} ";
            foreach (string line in Wrap(key.Meaning, Math.Max(30, width - left.Length)))
            {
                output.WriteLine(left + line);
                left = new string(' ', left.Length);
            }
        }

        output.WriteLine();
    }

    private static int TerminalWidth() => Console.IsOutputRedirected ? 140 : Math.Max(80, Console.WindowWidth);

    private static IEnumerable<string> Wrap(string text, int width)
    {
        while (text.Length > width)
        {
            int cut = text.LastIndexOf(' ', width);
            if (cut <= 0)
                break;
            yield return text[..cut];
            text = text[(cut + 1)..];
        }

        yield return text;
    }
}
