using System.Text;
using System.Text.Json;

namespace Gimbal.Training;

/// <summary>Files of JSON lines that carry a <c>step</c>.</summary>
internal static class LineFile
{
    /// <summary>Keeps the leading lines whose step is at most <paramref name="step"/>; a torn last line goes as well.</summary>
    public static void CutAfter(string path, long step)
    {
        if (!File.Exists(path))
            return;
        StringBuilder kept = new();
        foreach (string line in File.ReadLines(path))
        {
            if (StepOf(line) is not { } found || found > step)
                break;
            kept.Append(line).Append('\n');
        }

        AtomicFile.WriteText(path, kept.ToString());
    }

    private static long? StepOf(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.TryGetProperty("step", out JsonElement step) ? step.GetInt64() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
