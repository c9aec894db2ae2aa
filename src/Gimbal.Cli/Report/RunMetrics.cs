using System.Globalization;
using System.Text.Json;

namespace Gimbal.Cli.Report;

/// <summary>What <c>metrics.jsonl</c> holds, by metric.</summary>
internal sealed class RunMetrics
{
    private readonly List<double> steps = [];
    private readonly Dictionary<string, double[]> values = [];

    /// <summary>Reads a file; a missing one gives no metrics.</summary>
    /// <exception cref="InvalidFileException">A line is no JSON object with a step.</exception>
    public static RunMetrics Read(string path)
    {
        RunMetrics metrics = new();
        if (!File.Exists(path))
            return metrics;
        string[] lines = [.. File.ReadLines(path).Where(line => line.Length > 0)];
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(lines[i]);
                metrics.Add(document.RootElement, i, lines.Length);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new InvalidFileException(path, $"is no line of metrics: {exception.Message}", i + 1, innerException: exception);
            }
        }

        return metrics;
    }

    /// <summary>Steps, in the file's order.</summary>
    public IReadOnlyList<double> Steps => steps;

    /// <summary>Names found, in order of appearance.</summary>
    public IEnumerable<string> Names => values.Keys;

    /// <summary>A metric per step, NaN where a step lacks it; null if no step has it.</summary>
    public IReadOnlyList<double>? Find(string name) => values.GetValueOrDefault(name);

    private void Add(JsonElement line, int index, int count)
    {
        steps.Add(line.GetProperty("step").GetDouble());
        foreach (JsonProperty property in line.EnumerateObject())
        {
            if (property.Name == "step")
                continue;
            if (!values.TryGetValue(property.Name, out double[]? found))
            {
                values[property.Name] = found = new double[count];
                Array.Fill(found, double.NaN);
            }

            found[index] = property.Value.ValueKind == JsonValueKind.Number ? property.Value.GetDouble()
                : double.Parse(property.Value.GetString()!, CultureInfo.InvariantCulture);
        }
    }
}
