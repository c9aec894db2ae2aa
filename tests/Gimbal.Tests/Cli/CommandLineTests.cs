using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Gimbal.Cli.Commands;
using Gimbal.Cli.Configuration;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

/// <summary>The command as a process: exit codes, what goes where.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void Help_succeeds_and_lists_every_command()
    {
        (int code, string output, string error) = Run("--help");

        Assert.Equal(0, code);
        Assert.Empty(error);
        foreach (Command command in CommandList.Create())
            Assert.Contains(command.Name, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_of_a_command_lists_every_key_with_its_meaning_and_default()
    {
        foreach (ConfiguredCommand command in CommandList.Create().OfType<ConfiguredCommand>())
        {
            using StringWriter text = new();
            OptionLayers layers = command.CreateLayers(isQuick: false);
            ConfigurationHelpAction.Write(text, layers, width: 10_000);
            string[] lines = text.ToString().Split('\n');
            foreach (OptionKey key in layers.Keys)
            {
                string line = Assert.Single(lines, line => line.Trim().Split(' ')[0] == key.Name);
                Assert.Contains(key.Default, line, StringComparison.Ordinal);
                Assert.EndsWith(key.Meaning, line.TrimEnd(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Every_command_that_is_configured_has_defaults_that_pass_its_own_checks_and_survive_run_yaml()
    {
        using TemporaryFolder folder = new();
        foreach (ConfiguredCommand command in CommandList.Create().OfType<ConfiguredCommand>())
        {
            foreach (bool isQuick in (bool[])[false, true])
            {
                string yaml = OptionsYaml.Write(command.CreateLayers(isQuick));
                File.WriteAllText(folder.File("run.yaml"), yaml);
                OptionLayers again = command.CreateLayers(isQuick: false);
                YamlFile.Apply(again, folder.File("run.yaml"));
                Assert.Equal(yaml, OptionsYaml.Write(again));
            }
        }
    }

    [Theory]
    [InlineData("nonsense", "nonsense")]
    [InlineData("doctor --nonsense", "--nonsense")]
    public void A_wrong_command_line_ends_with_2_and_says_where_help_is(string line, string named)
    {
        (int code, string output, string error) = Run(line.Split(' '));

        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_at_all_ends_with_2_and_help() => Assert.Equal(2, Run().Code);

    [Fact]
    public void Doctor_says_what_it_found()
    {
        (int code, string output, string _) = Run("doctor");

        Assert.Equal(0, code);
        Assert.Matches("(?m)^cpu +.*(x86-64-v[34]|portable|neon)", output);
        Assert.Matches("(?m)^verdict +ready", output);
    }

    [Fact]
    public void Doctor_fails_where_the_engine_does_not_load()
    {
        (int code, string output, string _) = Run([new("GIMBAL_NATIVE_PATH", "/no/such/library.so")], "doctor");

        Assert.Equal(1, code);
        Assert.Contains("not ready", output, StringComparison.Ordinal);
    }

    internal static (int Code, string Output, string Error) Run(params string[] arguments) => Run([], arguments);

    /// <summary>Runs the command's own program, which lies beside the tests.</summary>
    internal static (int Code, string Output, string Error) Run(KeyValuePair<string, string>[] environment, params string[] arguments)
    {
        using Process process = Start(environment, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(5)), "the command did not end");
        return (process.ExitCode, output.Result, error.Result);
    }

    internal static Process Start(KeyValuePair<string, string>[] environment, params string[] arguments)
    {
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        Assert.SkipUnless(File.Exists(host), "no dotnet host beside the runtime: the command cannot be started as a program");
        ProcessStartInfo start = new(host, [Path.Combine(AppContext.BaseDirectory, "gimbal.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["GIMBAL_THREADS"] = "1";
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
