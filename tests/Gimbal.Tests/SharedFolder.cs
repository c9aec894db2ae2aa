namespace Gimbal.Tests;

/// <summary>Reference data that lies beside the checkout; tests that need it skip where it is absent.</summary>
internal static class SharedFolder
{
    private static readonly string? Root = Find();

    /// <summary>Absolute path of a file or folder under the shared folder; skips the calling test if there is none.</summary>
    public static string Require(string relative)
    {
        Assert.SkipWhen(Root is null, "no reference data: set GIMBAL_SHARED to the folder that holds it");
        string path = Path.Combine(Root!, relative);
        Assert.SkipUnless(File.Exists(path) || Directory.Exists(path), $"the reference data lacks {relative}");
        return path;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("GIMBAL_SHARED") is { Length: > 0 } named)
        {
            return Directory.Exists(named) ? named : null;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "golden");
            if (Directory.Exists(candidate))
            {
                return Path.Combine(folder.FullName, "shared");
            }
        }

        return null;
    }
}
