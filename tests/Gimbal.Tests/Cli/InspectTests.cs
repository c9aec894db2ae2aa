using System.Xml.Linq;
using Gimbal.Cli.Inspect;
using Gimbal.Cli.Report;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

/// <summary>What <c>gimbal inspect</c> finds in a run folder.</summary>
public sealed class InspectTests
{
    [Fact]
    public void Records_and_metrics_give_samples_parts_and_courses()
    {
        using TemporaryFolder temporary = new();
        string run = Make(temporary);
        for (int step = 1; step <= 3; step++)
            RecordFile.Write(run, step, [Record(step, "first", step, 0.75f, -0.25f), Record(step, "second & <last>", -2 * step, 0.75f, -0.25f)]);

        Inspection found = Inspection.Of(run, top: 2);
        Assert.Equal([(3L, 3.0), (2L, 2.0)], found.Highest.Select(sample => (sample.Step, sample.Advantage)));
        Assert.Equal([(3L, -6.0), (2L, -4.0)], found.Lowest.Select(sample => (sample.Step, sample.Advantage)));
        Assert.Equal([("right", 0.75, 0.75), ("length", 0.25, -0.25)], found.RewardParts);
        Assert.Equal(["mean length in tokens", "share of groups with equal rewards", "share of tokens that the clip stops"], found.Courses.Select(course => course.Name));
        Assert.Equal([1.5, 3.5, 5.5, 7.5, 9.5], found.Courses[0].Fifths);
        Assert.Contains("(last less first +8)", InspectionText.Values(found.Courses[0]), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_records_the_samples_kept_serve()
    {
        using TemporaryFolder temporary = new();
        Inspection found = Inspection.Of(Make(temporary), top: 1);
        Assert.Equal(("good", 2.0), (Assert.Single(found.Highest).Completion, found.Highest[0].Advantage));
        Assert.Equal(("bad", -1.0), (Assert.Single(found.Lowest).Completion, found.Lowest[0].Advantage));
        Assert.Empty(found.RewardParts);
    }

    [Fact]
    public void The_section_enters_a_report_once_and_makes_one_where_there_is_none()
    {
        using TemporaryFolder temporary = new();
        string run = Make(temporary), report = Path.Combine(run, "report.html");
        InspectionSection.WriteInto(run, Inspection.Of(run, 1));
        string alone = File.ReadAllText(report);
        Assert.Single(Headings(alone));

        File.WriteAllText(report, Html.Page("gimbal grpo", "", Html.Section("Result", "", "<p>kept</p>")));
        for (int time = 0; time < 2; time++)
        {
            InspectionSection.WriteInto(run, Inspection.Of(run, 1));
            Assert.Equal(["Result", "Inspection"], Headings(File.ReadAllText(report)));
        }
    }

    [Fact]
    public void The_command_reads_a_recorded_run()
    {
        using TemporaryFolder temporary = new();
        string run = temporary.File("run");
        Assert.Equal(0, CommandLineTests.Run("grpo", "--quick", "--json", "--record", "--out", run).Code);
        (int code, string output, string error) = CommandLineTests.Run("inspect", run, "--top", "3");
        Assert.True(code == 0, error);
        Assert.Contains("highest advantage:", output, StringComparison.Ordinal);
        Assert.Contains("reward sums: ", output, StringComparison.Ordinal);
        Assert.Contains("Inspection", Headings(File.ReadAllText(Path.Combine(run, "report.html"))));
        Assert.Equal(1, CommandLineTests.Run("inspect", temporary.Path).Code);
    }

    private static string Make(TemporaryFolder temporary)
    {
        using RunFolder run = RunFolder.Create("grpo", 1, "cpu", temporary.File("run"), "");
        MetricRow row = new();
        for (int step = 1; step <= 10; step++)
        {
            (row[MetricNames.MeanLength], row[MetricNames.FracRewardZeroStd], row[MetricNames.ClipRatioRegion]) = (step, 0.1 * step, 0);
            run.Metrics.Write(step, row);
        }

        run.WriteSample(new SampleRecord(1, "p", "good", 1, 2));
        run.WriteSample(new SampleRecord(1, "p", "bad", 0, -1));
        run.WriteSample(new SampleRecord(1, "p", "unscored"));
        return run.Path;
    }

    private static RolloutRecord Record(long step, string completion, float advantage, float right, float length) => new()
    {
        Group = 0,
        Prompt = $"prompt {step}",
        Completion = completion,
        Ended = true,
        Reward = right + length,
        RewardParts = new Dictionary<string, float> { ["right"] = right, ["length"] = length },
        Advantage = advantage,
        Ids = [1],
        Tokens = ["a"],
        Sampler = [-1],
        Advantages = [advantage],
    };

    private static string[] Headings(string page) =>
        [.. XDocument.Parse(page.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal)).Descendants("h2").Select(heading => heading.Value)];
}
