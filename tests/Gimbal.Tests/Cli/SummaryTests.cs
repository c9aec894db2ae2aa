using System.Text.Json;
using Gimbal.Cli.Compare;
using Spectre.Console;

namespace Gimbal.Tests.Cli;

public sealed class SummaryTests
{
    [Fact]
    public void A_summary_has_the_published_keys_and_reads_back()
    {
        RunSummary summary = ReportTests.Comparison().ToSummary();
        string json = summary.ToJson();

        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal(["schema", "task", "seed", "device", "methods"], Names(document.RootElement));
        JsonElement method = document.RootElement.GetProperty("methods")[3];
        Assert.Equal(["name", "accuracy", "reward", "kl", "seconds", "tokens_per_second", "peak_bytes", "mismatch_bits", "compared_tokens"], Names(method));
        Assert.Equal(["before", "after"], Names(method.GetProperty("accuracy")));
        Assert.Equal(0.766, method.GetProperty("accuracy").GetProperty("after").GetDouble());
        Assert.Equal(json, RunSummary.FromJson(json).ToJson());
        Assert.Throws<JsonException>(() => RunSummary.FromJson("{\"task\": 3}"));
    }

    [Theory]
    [InlineData(766, 1000, 0.738772, 0.791192)]
    [InlineData(0, 10, 0.0, 0.277533)]
    [InlineData(10, 10, 0.722467, 1.0)]
    [InlineData(1, 1, 0.206549, 1.0)]
    public void The_interval_is_wilsons(long hits, long count, double low, double high)
    {
        Proportion proportion = new(hits, count);

        Assert.Equal(low, proportion.Low, 5e-7);
        Assert.Equal(high, proportion.High, 5e-7);

        // Its definition: the ends are the shares p from which the observed one lies z standard errors away.
        foreach (double p in (double[])[proportion.Low, proportion.High])
            Assert.Equal(Math.Pow(1.959963984540054, 2) * p * (1 - p) / count, Math.Pow(proportion.Value - p, 2), 1e-14);
    }

    [Fact]
    public void The_table_shows_every_method_within_a_usual_terminal_and_no_empty_row()
    {
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(text), Ansi = AnsiSupport.No });
        console.Profile.Width = 120;
        CompareResult result = ReportTests.Comparison();
        CompareTable.Write(console, result);

        string[] lines = text.ToString().Split('\n');
        Assert.Contains(lines, line => result.Methods.All(method => line.Contains(method.Label, StringComparison.Ordinal)));
        Assert.Contains(lines, line => line.Contains("accuracy after", StringComparison.Ordinal) && line.Contains("76.6%", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("95% interval", StringComparison.Ordinal) && line.Contains("73.9 to 79.1", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("of sampled tokens", StringComparison.Ordinal) && line.Contains("140,000", StringComparison.Ordinal));

        text.GetStringBuilder().Clear();
        CompareTable.Write(console, result with { Methods = [result.Methods[0] with { RewardBefore = null }] });
        Assert.DoesNotContain("mismatch", text.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("reward before", text.ToString(), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(property => property.Name);
}
