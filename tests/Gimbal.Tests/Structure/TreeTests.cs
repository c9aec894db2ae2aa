using System.Text.RegularExpressions;

namespace Gimbal.Tests.Structure;

/// <summary>Rules that hold for every file of the repository.</summary>
public sealed partial class TreeTests
{
    private const int MostLines = 400;

    private static readonly string[] TextFiles =
        [".cs", ".cpp", ".h", ".cu", ".cuh", ".def", ".md", ".txt", ".json", ".csproj", ".props", ".targets", ".sh", ".ps1", ".cmake", ".yaml", ".yml", ""];

    /// <summary>Files that may be longer, each with its reason.</summary>
    private static readonly Dictionary<string, string> Longer = new()
    {
        ["native/include/gimbal.h"] = "the whole C ABI, on one page on purpose",
    };

    [Fact]
    public void AFileIsShortEnoughToRead()
    {
        IEnumerable<string> tooLong = Repository.Files("", ".cs", ".cpp", ".h", ".cu", ".cuh")
            .Where(file => !Longer.ContainsKey(file))
            .Select(file => (file, lines: File.ReadLines(Repository.At(file)).Count()))
            .Where(entry => entry.lines > MostLines)
            .Select(entry => $"{entry.file}: {entry.lines} lines, at most {MostLines}");
        Findings.AssertNone(tooLong);
    }

    [Fact]
    public void NoFileNamesAMachine() => AssertNowhere(MachinePath());

    [Fact]
    public void NothingIsLeftForLater() => AssertNowhere(Unfinished());

    [Fact]
    public void NoTestIsSwitchedOff() => AssertNowhere(SwitchedOff());

    private static void AssertNowhere(Regex pattern)
    {
        IEnumerable<string> found =
            from file in Repository.Files("", TextFiles)
            where !file.EndsWith("Structure/TreeTests.cs", StringComparison.Ordinal)
            from line in File.ReadLines(Repository.At(file)).Select((text, i) => (text, number: i + 1))
            where pattern.IsMatch(line.text)
            select $"{file}:{line.number}: {line.text.Trim()}";
        Findings.AssertNone(found);
    }

    // A path of one machine, or the host of a package registry.
    [GeneratedRegex(@"(?<![\w.$}/])/(work|home|root|Users|mnt|opt)/\w|\b[A-Z]:\\Users|api\.nuget\.org|pypi\.org|registry\.npmjs|deb\.debian\.org")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\[(Fact|Theory)\(.*Skip\s*=\s*""")]
    private static partial Regex SwitchedOff();
}
