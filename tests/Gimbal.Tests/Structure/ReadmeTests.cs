using System.Text.RegularExpressions;
using Gimbal.Cli;

namespace Gimbal.Tests.Structure;

/// <summary>What README.md and the build scripts promise is there.</summary>
public sealed partial class ReadmeTests
{
    private static string Readme => Repository.Read("README.md");

    [Fact]
    public void ItsTwoCommandsAreThere()
    {
        string[] lines = Readme.Split('\n');
        Assert.Contains("dotnet run -c Release --project src/Gimbal.Cli -- compare", lines);
        Assert.Contains("dotnet test -c Release", lines);
        Assert.True(File.Exists(Repository.At("src/Gimbal.Cli/Gimbal.Cli.csproj")));
    }

    [Fact]
    public void EveryCommandItNamesExists()
    {
        string[] named = [.. CommandRow().Matches(Readme).SelectMany(row => Code().Matches(row.Value)).Select(m => m.Groups[1].Value)];
        Assert.NotEmpty(named);
        string[] known = [.. Application.CreateRoot().Subcommands.Select(command => command.Name)];
        Assert.Equal(named.Order(StringComparer.Ordinal), known.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryLinkLeadsSomewhere()
    {
        IEnumerable<string> dead =
            from file in Repository.Files("", ".md")
            from Match link in Link().Matches(Repository.Read(file))
            let target = link.Groups[1].Value.Split('#')[0]
            where target.Length > 0 && !target.Contains("://", StringComparison.Ordinal)
            let path = Path.Combine(Path.GetDirectoryName(Repository.At(file))!, target)
            where !File.Exists(path) && !Directory.Exists(path)
            select $"{file}: {target}";
        Findings.AssertNone(dead);
    }

    [Fact]
    public void ItsSnippetsCompile()
    {
        string compiled = Repository.Read("tests/Gimbal.Tests/Structure/ApiSnippets.cs");
        string[] lines = [.. Snippet().Matches(Readme).SelectMany(m => m.Groups[1].Value.Split('\n')).Select(line => line.Trim())
            .Where(line => line.Length > 0)];
        Assert.True(lines.Length > 10, "README.md has no snippets, or in another form");
        Findings.AssertNone(lines.Where(line => !compiled.Contains(line, StringComparison.Ordinal)));
    }

    [Fact]
    public void BothBuildScriptsHaveTheSameVerbs()
    {
        Dictionary<string, string> bash = ShellVerb().Matches(Repository.Read("build.sh"))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value.Trim());
        Dictionary<string, string> powerShell = PowerShellVerb().Matches(Repository.Read("build.ps1"))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value.Trim());
        Assert.Equal(["bench", "build", "clean", "compare", "format", "test"], bash.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(bash.OrderBy(v => v.Key, StringComparer.Ordinal), powerShell.OrderBy(v => v.Key, StringComparer.Ordinal));
        Assert.All(bash.Values, line => Assert.Matches("^(dotnet|cmake) ", line));
    }

    // First cells of the table of commands, which stands between its heading and the next.
    [GeneratedRegex(@"(?<=^## The command `gimbal`$[^#]*)^\| (`\w+`(, )?)+ \|", RegexOptions.Multiline)]
    private static partial Regex CommandRow();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();

    [GeneratedRegex("`(\\w+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\[[^\]]+\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^    (\w+)\)\s+(.*?) ;;$", RegexOptions.Multiline)]
    private static partial Regex ShellVerb();

    [GeneratedRegex(@"^    '(\w+)'\s+\{ (.*?) \}\s*$", RegexOptions.Multiline)]
    private static partial Regex PowerShellVerb();
}
