using System.Text.Json;
using Gimbal.Cli.Report;
using Gimbal.Training;

namespace Gimbal.Cli.Inspect;

/// <summary>A sample that stands out.</summary>
internal sealed record InspectedSample(long Step, string Prompt, string Completion, double? Reward, double Advantage);

/// <summary>A measure over the run: its mean in each fifth of the steps.</summary>
internal sealed record Course(string Name, IReadOnlyList<double> Fifths);

/// <summary>What a run folder says of how the run went: <c>metrics.jsonl</c>, <c>records/</c> and, without records, <c>samples.jsonl</c>.</summary>
internal sealed record Inspection
{
    private const int Fifths = 5;

    /// <summary>Steps that have metrics.</summary>
    public required int Steps { get; init; }

    /// <summary>Samples of highest advantage, the highest first.</summary>
    public required IReadOnlyList<InspectedSample> Highest { get; init; }

    /// <summary>Samples of lowest advantage, the lowest first.</summary>
    public required IReadOnlyList<InspectedSample> Lowest { get; init; }

    /// <summary>Of each reward its share of the sizes of all rewards, with sign of its mean; empty without a record of several.</summary>
    public required IReadOnlyList<(string Name, double Share, double Mean)> RewardParts { get; init; }

    /// <summary>Length, groups of equal rewards, clipping, as far as the run has them.</summary>
    public required IReadOnlyList<Course> Courses { get; init; }

    /// <summary>Reads a run folder.</summary>
    /// <param name="run">The folder.</param>
    /// <param name="top">Samples to show of each end.</param>
    /// <exception cref="InvalidFileException">It is no run folder, or a file of it is broken.</exception>
    public static Inspection Of(string run, int top)
    {
        RunFolder.ReadHeader(run);
        RunMetrics metrics = RunMetrics.Read(Path.Combine(run, "metrics.jsonl"));
        List<InspectedSample> samples = [];
        Dictionary<string, (double Size, double Sum, int Count)> parts = [];
        IReadOnlyList<long> recorded = RecordFile.Steps(run);
        foreach (long step in recorded)
        {
            IReadOnlyList<RolloutRecord> records = RecordFile.Read(run, step);
            samples.AddRange(records.Select(record => new InspectedSample(step, record.Prompt, record.Completion, record.Reward, AdvantageOf(record))));
            foreach ((string name, float value) in records.SelectMany(record => record.RewardParts ?? new Dictionary<string, float>()))
            {
                (double size, double sum, int count) = parts.GetValueOrDefault(name);
                parts[name] = (size + Math.Abs(value), sum + value, count + 1);
            }

            samples = Ends(samples, top); // a long run's records are not held
        }

        if (recorded.Count == 0)
            samples = Ends(Samples(Path.Combine(run, "samples.jsonl")), top);
        double whole = parts.Values.Sum(part => part.Size);
        return new Inspection
        {
            Steps = metrics.Steps.Count,
            Highest = [.. samples.OrderByDescending(sample => sample.Advantage).Take(Math.Min(top, samples.Count))],
            Lowest = [.. samples.OrderBy(sample => sample.Advantage).Take(Math.Min(top, samples.Count))],
            RewardParts = [.. parts.Select(part => (part.Key, whole == 0 ? 0 : part.Value.Size / whole, part.Value.Sum / part.Value.Count))],
            Courses =
            [
                .. CourseOf(metrics, "mean length in tokens", MetricNames.MeanLength),
                .. CourseOf(metrics, "share of groups with equal rewards", MetricNames.FracRewardZeroStd),
                .. CourseOf(metrics, "share of tokens that the clip stops", MetricNames.ClipRatioRegion, MetricNames.PolicyClipFraction),
            ],
        };
    }

    // A sample without an advantage as a whole has the mean of its tokens' advantages.
    private static double AdvantageOf(RolloutRecord record) => record.Advantage ?? record.Advantages.DefaultIfEmpty(0).Average();

    private static List<InspectedSample> Ends(List<InspectedSample> samples, int top)
    {
        InspectedSample[] sorted = [.. samples.OrderByDescending(sample => sample.Advantage)];
        return sorted.Length <= 2 * top ? [.. sorted] : [.. sorted[..top], .. sorted[^top..]];
    }

    private static List<InspectedSample> Samples(string path) => !File.Exists(path) ? []
        : [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize(line, RunJson.Default.SampleRecord)!)
            .Where(sample => sample.Advantage is not null)
            .Select(sample => new InspectedSample(sample.Step, sample.Prompt, sample.Completion, sample.Reward, sample.Advantage!.Value))];

    private static IEnumerable<Course> CourseOf(RunMetrics metrics, string name, params string[] candidates)
    {
        if (candidates.Select(metrics.Find).FirstOrDefault(values => values is not null) is not { } found)
            yield break;
        double[] values = [.. found.Where(double.IsFinite)];
        if (values.Length == 0)
            yield break;
        int parts = Math.Min(Fifths, values.Length);
        yield return new Course(name, [.. Enumerable.Range(0, parts).Select(i => values[(i * values.Length / parts)..((i + 1) * values.Length / parts)].Average())]);
    }
}
