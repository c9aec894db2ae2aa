using System.Text.Json;

namespace Gimbal.Training;

/// <summary>
/// Holds the metrics of a run against thresholds. Its state is a function of the metrics alone, so that a resumed run takes it
/// from <c>metrics.jsonl</c> and warns as the whole run would have.
/// </summary>
/// <param name="options">Thresholds and window.</param>
internal sealed class TrainingWatch(WatchOptions options)
{
    private const string Kl = "kl", EntropyShare = "entropy_share", LengthRatio = "length_ratio", EqualGroups = "equal_groups",
        ClipFraction = "clip_fraction", GradientSpike = "gradient_spike";

    private readonly List<TrainingWarning> warnings = [];
    private readonly Dictionary<string, Gauge> gauges = [];

    /// <summary>What was crossed so far, in the order of steps.</summary>
    public IReadOnlyList<TrainingWarning> Warnings => warnings;

    /// <summary>Looks at the metrics of a step.</summary>
    /// <param name="step">Steps taken, this one included.</param>
    /// <param name="row">Its metrics.</param>
    /// <param name="tell">Told of each kind when it is crossed first.</param>
    public void Observe(long step, MetricRow row, Action<TrainingWarning>? tell = null)
    {
        int before = warnings.Count;
        if (Mean(Kl, KlPerToken(row)) is { } kl && kl.Mean > options.Kl)
        {
            Warn(Kl, options.Kl, step, kl.Mean, options.Kl, "raise grpo.beta or ppo.kl_coefficient, or lower optimizer.learning_rate");
        }

        // Supervised training lowers the entropy on purpose; only a policy that samples for itself loses by it.
        double length = row[MetricNames.MeanLength];
        if (Mean(EntropyShare, double.IsNaN(length) ? double.NaN : row[MetricNames.Entropy]) is { } entropy && entropy.Mean < options.EntropyShare * entropy.First)
        {
            Warn(EntropyShare, options.EntropyShare, step, entropy.Mean, options.EntropyShare * entropy.First,
                "raise grpo.entropy_coefficient, ppo.entropy_coefficient or grpo.clip_high, or lower optimizer.learning_rate");
        }

        if (Mean(LengthRatio, length) is { } lengths)
        {
            double longest = options.LengthRatio * lengths.First, shortest = lengths.First / options.LengthRatio;
            if (lengths.Mean > longest || lengths.Mean < shortest)
            {
                Warn(LengthRatio, options.LengthRatio, step, lengths.Mean, lengths.Mean > longest ? longest : shortest,
                    "look at the samples; grpo.overlong_buffer bounds length, grpo.normalizer=max_tokens takes its pull out of the loss");
            }
        }

        if (Mean(EqualGroups, row[MetricNames.FracRewardZeroStd]) is { } equal && equal.Mean > options.EqualGroups)
        {
            Warn(EqualGroups, options.EqualGroups, step, equal.Mean, options.EqualGroups,
                "such groups teach nothing: raise grpo.group_size or sampling.temperature, or choose prompts neither solved nor hopeless");
        }

        double clipped = row[MetricNames.ClipRatioRegion];
        if (Mean(ClipFraction, double.IsNaN(clipped) ? row[MetricNames.PolicyClipFraction] : clipped) is { } clip && clip.Mean > options.ClipFraction)
        {
            Warn(ClipFraction, options.ClipFraction, step, clip.Mean, options.ClipFraction,
                "lower optimizer.learning_rate, or take fewer passes over a rollout (grpo.inner_epochs, ppo.epochs)");
        }

        ObserveGradient(step, row[MetricNames.GradNorm]);
        for (int i = before; i < warnings.Count; i++)
        {
            tell?.Invoke(warnings[i]);
        }
    }

    /// <summary>Looks at the steps of a <c>metrics.jsonl</c>, as if they had just been taken.</summary>
    public void Replay(string path)
    {
        MetricRow row = new();
        foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            using JsonDocument document = JsonDocument.Parse(line);
            row.Clear();
            foreach (JsonProperty property in document.RootElement.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.Number))
            {
                row[property.Name] = property.Value.GetDouble();
            }

            Observe(document.RootElement.GetProperty("step").GetInt64(), row);
        }
    }

    // A spike is held against the steps before it, which it is not part of.
    private void ObserveGradient(long step, double norm)
    {
        if (!double.IsFinite(norm))
        {
            return;
        }

        Gauge gauge = GaugeOf(GradientSpike);
        double threshold = options.GradientSpike * gauge.Median;
        if (gauge.IsFull && threshold > 0 && norm > threshold)
        {
            Warn(GradientSpike, options.GradientSpike, step, norm, threshold,
                "lower optimizer.max_gradient_norm or optimizer.learning_rate, and look at the data of this step");
        }

        gauge.Add(norm);
    }

    private static double KlPerToken(MetricRow row)
    {
        double perToken = row[MetricNames.Kl];
        return double.IsNaN(perToken) ? row[MetricNames.KlPerSequence] / row[MetricNames.MeanLength] : perToken;
    }

    /// <summary>The gauge of a metric once it is full, a step's value added; null before, and where the step lacks the metric.</summary>
    private Gauge? Mean(string kind, double value)
    {
        if (!double.IsFinite(value))
        {
            return null;
        }

        Gauge gauge = GaugeOf(kind);
        gauge.Add(value);
        return gauge.IsFull ? gauge : null;
    }

    private Gauge GaugeOf(string kind) => gauges.TryGetValue(kind, out Gauge? known) ? known : gauges[kind] = new Gauge(options.Window);

    private void Warn(string kind, float option, long step, double value, double threshold, string remedy)
    {
        if (option > 0 && !warnings.Exists(warning => warning.Kind == kind))
        {
            warnings.Add(new TrainingWarning(kind, step, value, threshold, remedy));
        }
    }

    /// <summary>The first value of a metric and its last few, in memory that is taken once.</summary>
    private sealed class Gauge(int window)
    {
        private readonly double[] values = new double[window];
        private readonly double[] sorted = new double[window];
        private int next;

        public double First { get; private set; } = double.NaN;

        public bool IsFull { get; private set; }

        public double Mean
        {
            get
            {
                double sum = 0;
                foreach (double value in Known)
                {
                    sum += value;
                }

                return sum / Known.Length;
            }
        }

        public double Median
        {
            get
            {
                Span<double> ordered = sorted.AsSpan(0, Known.Length);
                Known.CopyTo(ordered);
                ordered.Sort();
                return ordered.IsEmpty ? double.NaN : (ordered[(ordered.Length - 1) / 2] + ordered[ordered.Length / 2]) / 2;
            }
        }

        private ReadOnlySpan<double> Known => values.AsSpan(0, IsFull ? values.Length : next);

        public void Add(double value)
        {
            First = double.IsNaN(First) ? value : First;
            values[next] = value;
            next = (next + 1) % values.Length;
            IsFull |= next == 0;
        }
    }
}
