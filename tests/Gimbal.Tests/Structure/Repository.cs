namespace Gimbal.Tests.Structure;

/// <summary>The checkout that the test program was built in, found by walking up from it.</summary>
internal static class Repository
{
    private static readonly string[] BuiltFolders = ["bin", "obj", "artifacts", "runs", "TestResults", ".git", ".vs"];
    private static readonly string? Found = Find();

    /// <summary>The top folder; skips the calling test where the test program runs without the sources.</summary>
    public static string Root
    {
        get
        {
            Assert.SkipWhen(Found is null, "the test program was carried away from its sources");
            return Found!;
        }
    }

    /// <summary>Absolute path of a file or folder.</summary>
    public static string At(string relative) => Path.Combine(Root, relative.Replace('/', Path.DirectorySeparatorChar));

    /// <summary>Text of a file.</summary>
    public static string Read(string relative) => File.ReadAllText(At(relative));

    /// <summary>Source files below a folder as paths from the top with '/', what a build makes left out.</summary>
    public static IEnumerable<string> Files(string folder = "", params string[] extensions)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(At(folder)))
        {
            string name = Path.GetFileName(path);
            if (Directory.Exists(path))
            {
                if (!BuiltFolders.Contains(name))
                {
                    foreach (string file in Files(Path.GetRelativePath(Root, path), extensions))
                        yield return file;
                }
            }
            else if (extensions.Length == 0 || extensions.Contains(Path.GetExtension(name)))
            {
                yield return Path.GetRelativePath(Root, path).Replace(Path.DirectorySeparatorChar, '/');
            }
        }
    }

    private static string? Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Engine.sln")))
            folder = folder.Parent;
        return folder?.FullName;
    }
}
