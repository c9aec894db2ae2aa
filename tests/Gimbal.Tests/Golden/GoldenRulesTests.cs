using System.Globalization;
using Gimbal.Cli.Golden;
using Gimbal.Tensors;

namespace Gimbal.Tests.Golden;

/// <summary>The rules by which a golden case passes or fails.</summary>
public sealed class GoldenRulesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Device device = TestDevice.Open();

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("[2.0, -4.0]", true)]
    [InlineData("[2.00003, -4.0]", true)]
    [InlineData("[2.00005, -4.0]", false)]
    [InlineData("[\"NaN\", -4.0]", false)]
    [InlineData("[\"Infinity\", -4.0]", false)]
    public void AnErrorIsMeasuredAgainstTheTolerance(string reference, bool passes) =>
        Assert.Equal(passes, RunRows("[2.0, -4.0]", reference).Outcome == Outcome.Passed);

    [Theory]
    [InlineData("[\"NaN\", \"-Infinity\"]", "[\"NaN\", \"-Infinity\"]", true)]
    [InlineData("[\"NaN\", \"-Infinity\"]", "[\"NaN\", \"Infinity\"]", false)]
    [InlineData("[\"NaN\", \"-Infinity\"]", "[\"NaN\", -3e38]", false)]
    public void NamedNumbersMatchThemselves(string values, string reference, bool passes) =>
        Assert.Equal(passes, RunRows(values, reference).Outcome == Outcome.Passed);

    [Fact]
    public void AnOutputThatNobodyComputedFails()
    {
        CaseResult result = RunRows("[1.0, 2.0]", "[1.0, 2.0]", """, "other": {"shape": [], "dtype": "float64", "data": [1]}""");
        Assert.Equal(Outcome.Failed, result.Outcome);
        Assert.Contains("other was not computed", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownOperationIsUnsupported()
    {
        folder.Write("case.json", Case("no_such_op", "[1.0]", "[1.0]", ""));
        CaseResult result = Assert.Single(GoldenSuite.Run(folder.Path, device));
        Assert.Equal(Outcome.Unsupported, result.Outcome);
    }

    [Fact]
    public void ABrokenCaseNamesItsFile()
    {
        string path = folder.Write("case.json", """{"op": "embedding", "case": "x", "params": {}, "inputs": {"x": {"shape": [3], "dtype": "float32", "data": [1, 2]}}}""");
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => GoldenSuite.Run(folder.Path, device).ToArray());
        Assert.Equal(path, error.Path);
        Assert.Contains("shape [3] wants 3 elements, the data have 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnEmptyFolderIsAnError() =>
        Assert.Throws<InvalidFileException>(() => GoldenSuite.Run(folder.Path, device).ToArray());

    // One row of an embedding table is looked up: what comes out is what went in.
    private CaseResult RunRows(string values, string reference, string more = "")
    {
        folder.Write("case.json", Case("embedding", values, reference, more));
        return Assert.Single(GoldenSuite.Run(folder.Path, device));
    }

    private static string Case(string operation, string values, string reference, string more)
    {
        int width = values.Split(',').Length;
        return string.Create(CultureInfo.InvariantCulture, $$$"""
            {"op": "{{{operation}}}", "case": "made", "params": {},
             "inputs": {"weight": {"shape": [1, {{{width}}}], "dtype": "float32", "data": {{{values}}}},
                        "ids": {"shape": [1], "dtype": "int64", "data": [0]},
                        "grad_output.y": {"shape": [1, {{{width}}}], "dtype": "float32", "data": {{{values}}}}},
             "outputs": {"y": {"shape": [1, {{{width}}}], "dtype": "float64", "data": {{{reference}}}} {{{more}}} },
             "tolerance": {"float32": {"rtol": 2e-5, "atol": 1e-6} } }
            """);
    }
}
