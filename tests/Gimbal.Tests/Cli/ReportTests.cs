using System.Globalization;
using System.Xml.Linq;
using Gimbal.Cli.Compare;
using Gimbal.Cli.Report;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

public sealed class ReportTests
{
    [Fact]
    public void The_page_of_a_comparison_is_well_formed_and_needs_nothing_from_elsewhere()
    {
        string page = CompareReport.Render(Comparison(), "seed: 4\n", DateTimeOffset.UnixEpoch);
        Keep("compare.html", page);

        XDocument document = Parse(page);
        AssertSelfContained(document, page);
        Assert.Equal(4 + 1 + 6, document.Descendants().Count(element => element.Name.LocalName == "figure"));
        Assert.Contains("76.6%", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        foreach (MethodResult method in Comparison().Methods)
            Assert.Contains(Html.Escape(method.Title), page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_of_a_run_draws_its_metrics_and_shows_its_samples()
    {
        using TemporaryFolder temporary = new();
        using RunFolder folder = RunFolder.Create("grpo", 3, "cpu", temporary.File("run"), "seed: 3\n");
        MetricRow row = new();
        for (int step = 1; step <= 50; step++)
        {
            row.Clear();
            row[MetricNames.Loss] = Math.Sin(step) * 0.01;
            row[MetricNames.Reward] = step == 7 ? double.NaN : 0.4 + (0.006 * step) + (0.05 * Math.Cos(3 * step));
            row[MetricNames.Kl] = 1e-4 * step;
            row[MetricNames.Entropy] = 1.2 - (0.01 * step);
            row[MetricNames.MeanLength] = 3.4;
            row[MetricNames.LearningRate] = 7e-5 * (1 - (step / 50.0));
            row[MetricNames.GradNorm] = 12_000 + (3000 * Math.Sin(step));
            folder.Metrics.Write(step, row);
        }

        folder.WriteSample(new SampleRecord(50, "07+45=", "<52> & \u0001more\nlines", 1, 0.7, 3));
        TrainingResult result = new() { Steps = 50, Seconds = 12.5, TrainedTokens = 123456, Samples = 640, TokensPerSecond = 9876, PeakBytes = 50 << 20, ComparedTokens = 2000 };
        string page = RunReport.Render(folder.Path, result, new MethodSummary { Name = "grpo", Accuracy = new BeforeAfter(0.362, 0.766), Kl = 1.5 });
        Keep("run.html", page);

        AssertSelfContained(Parse(page), page);
        foreach (string title in (string[])["Loss", "Reward", "KL to the reference", "Entropy", "Length", "Learning rate", "Gradient norm"])
            Assert.Contains($"<b>{title}</b>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;52&gt; &amp;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>Return</b>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0, 1.0)]
    [InlineData(0.0, 0.0)]
    [InlineData(-3.2, 17.9)]
    [InlineData(7e-5, 7.1e-5)]
    [InlineData(123456.0, 987654.0)]
    [InlineData(-1600.0, -150.0)]
    public void An_axis_holds_its_values_between_round_ticks(double low, double high)
    {
        Axis axis = new([low, high, double.NaN], 5, isTight: false);

        double rounding = 1e-9 * (axis.High - axis.Low);
        Assert.True(axis.Low <= low + rounding && axis.High >= high - rounding && axis.Low < axis.High);
        double[] ticks = [.. axis.Ticks];
        Assert.InRange(ticks.Length, 2, 13);
        Assert.Equal(ticks.Length, ticks.Select(axis.Label).Distinct().Count());
        Assert.All(ticks, tick => Assert.InRange(axis.Place(tick), -1e-9, 1 + 1e-9));
    }

    [Fact]
    public void Smoothing_leaves_a_straight_line_alone_and_steps_over_gaps()
    {
        double[] x = [.. Enumerable.Range(0, 20).Select(i => (double)i)];
        Series line = new("", "c0", x, [.. x.Select(value => (2 * value) + 1)]);
        Assert.All(line.Smooth(7).Y.Zip(line.Y), pair => Assert.Equal(pair.Second, pair.First, 12));

        Series gap = new("", "c0", [0, 1, 2], [1, double.NaN, 3]);
        Assert.Equal([1, 2, 3], gap.Smooth(3).Y);
    }

    internal static CompareResult Comparison()
    {
        string[] names = ["sft", "ppo", "dpo", "grpo", "more_sft", "shuffled"];
        string[] titles = ["SFT (the start)", "PPO", "DPO", "GRPO", "more SFT", "GRPO, shuffled rewards"];
        string[] labels = ["SFT", "PPO", "DPO", "GRPO", "more SFT", "shuffled"];
        string[] needs = ["demonstrations", "a reward model from pairs", "5,600 pairs", "a verifier", "demonstrations", "a verifier, its rewards shuffled"];
        long[] right = [362, 770, 722, 766, 358, 314];
        MethodResult Method(int i) => new()
        {
            Name = names[i],
            Title = titles[i],
            Needs = needs[i],
            Label = labels[i],
            IsControl = i >= 4,
            AccuracyBefore = new Proportion(i == 0 ? 8 : 362, 1000),
            AccuracyAfter = new Proportion(right[i], 1000),
            RewardBefore = 0.394,
            RewardAfter = right[i] / 1000.0,
            RewardModelAccuracy = i == 1 ? new Proportion(973, 1000) : null,
            Kl = i == 0 ? null : 0.4 * i,
            Samples = i == 0 ? 0 : 40_960,
            TrainedTokens = 1_024_000,
            TokensPerSecond = 91_234.5,
            Seconds = 20 + i,
            PeakBytes = (100L + i) << 20,
            MismatchBits = 0,
            ComparedTokens = i is 1 or 3 or 5 ? 140_000 : 0,
            Curve = i == 0 ? [] : [.. Enumerable.Range(0, 9).Select(k => new CurvePoint(k / 8.0,
                0.39 + ((right[i] / 1000.0 - 0.39) * (1 - Math.Exp(-k / 3.0))), 0.4 * i * k / 8, 0.62 - (0.05 * i * k / 8), 3 + (0.01 * k * i)))],
            Losses = [.. Enumerable.Range(0, 80).Select(k => Math.Exp(-k / 20.0) + (0.1 * Math.Sin(k * (i + 1))))],
        };

        return new CompareResult
        {
            Task = "sums",
            Seed = 4,
            Device = "cpu",
            AccuracyMeaning = "held-out sums answered right",
            RewardMeaning = "1 for the right sum",
            Methods = [.. Enumerable.Range(0, 6).Select(Method)],
            Notes = ["Reinforcement here mostly reweights a minority mode: 39.4% of the start's samples were right already."],
            Answers = [.. Enumerable.Range(0, 8).Select(k => new SideBySide($"{17 + k}+{65 - (3 * k)}=", "82",
                [.. names.Select((name, i) => new Answer(name, (i + k) % 3 == 0 ? "72" : "82", (i + k) % 3 != 0))]))],
        };
    }

    /// <summary>The page as XML: HTML5 written so that every element is closed.</summary>
    private static XDocument Parse(string page) => XDocument.Parse(page.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));

    private static void AssertSelfContained(XDocument document, string page)
    {
        Assert.DoesNotContain(document.Descendants(), element => element.Name.LocalName is "script" or "link" or "img" or "iframe");
        Assert.DoesNotContain("url(", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http:", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", page, StringComparison.Ordinal);
        foreach (XAttribute d in document.Descendants().Attributes("d"))
            Assert.Matches("^[MLHVvh0-9 .\\-]+$", d.Value);
        foreach (XElement circle in document.Descendants("circle"))
            Assert.True(double.IsFinite(double.Parse(circle.Attribute("cx")!.Value, CultureInfo.InvariantCulture)));
    }

    /// <summary>With GIMBAL_KEEP set to a folder, pages are left there to look at.</summary>
    private static void Keep(string name, string page)
    {
        if (Environment.GetEnvironmentVariable("GIMBAL_KEEP") is { Length: > 0 } folder)
            File.WriteAllText(Path.Combine(folder, name), page);
    }
}
