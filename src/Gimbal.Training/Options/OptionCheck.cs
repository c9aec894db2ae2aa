using System.Globalization;
using System.Numerics;

namespace Gimbal.Training;

/// <summary>Range checks of options: each error names the key, what was wanted and what was found.</summary>
internal static class OptionCheck
{
    public static void AtLeast<T>(string key, T value, T least) where T : INumber<T>
    {
        if (!(value >= least) || T.IsInfinity(value))
            throw Wrong(key, value, $"must be at least {least}");
    }

    public static void Above<T>(string key, T value, T bound) where T : INumber<T>
    {
        if (!(value > bound) || T.IsInfinity(value))
            throw Wrong(key, value, $"must be above {bound}");
    }

    public static void Within<T>(string key, T value, T least, T most) where T : INumber<T>
    {
        if (!(value >= least && value <= most))
            throw Wrong(key, value, $"must lie between {least} and {most}");
    }

    public static void Below<T>(string key, T value, T least, T bound) where T : INumber<T>
    {
        if (!(value >= least && value < bound))
            throw Wrong(key, value, $"must be at least {least} and below {bound}");
    }

    public static void Divides(string key, int parts, int whole, string what)
    {
        AtLeast(key, parts, 1);
        if (whole % parts != 0)
            throw new InvalidConfigException(key, $"{parts} does not divide {what}, {whole}; choose a divisor of {whole}.");
    }

    public static void OneOf(string key, string value, IReadOnlyList<string> known)
    {
        if (!known.Contains(value))
            throw new InvalidConfigException(key, $"'{value}' is none of {string.Join(", ", known)}.",
                Spelling.Nearest(value, known));
    }

    public static void File(string key, string? path)
    {
        if (path is not null && !System.IO.File.Exists(path))
            throw new InvalidConfigException(key, $"there is no file '{path}' (looked from {Environment.CurrentDirectory}).");
    }

    public static void Folder(string key, string? path)
    {
        if (path is not null && !Directory.Exists(path))
            throw new InvalidConfigException(key, $"there is no folder '{path}' (looked from {Environment.CurrentDirectory}).");
    }

    public static void Needed(string key, string? value, bool needed, string because)
    {
        if (needed && string.IsNullOrEmpty(value))
            throw new InvalidConfigException(key, $"is needed because {because}.");
    }

    private static InvalidConfigException Wrong<T>(string key, T value, string wanted) where T : INumber<T> =>
        new(key, string.Create(CultureInfo.InvariantCulture, $"{wanted}, is {value}."));
}
