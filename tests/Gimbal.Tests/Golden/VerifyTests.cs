using Gimbal.Cli;

namespace Gimbal.Tests.Golden;

public sealed class VerifyTests
{
    [Theory]
    [InlineData("0.0", ExitCode.Success)]
    [InlineData("0.1", ExitCode.Failure)]
    public async Task TheExitCodeTellsWhetherACaseFailed(string reference, int code)
    {
        using TemporaryFolder folder = new();
        folder.Write("case.json", """
            {"op": "explained_variance", "case": "made", "params": {},
             "inputs": {"y_pred": {"shape": [3], "dtype": "float32", "data": [0, 2, 1]},
                        "y_true": {"shape": [3], "dtype": "float32", "data": [0, 1, 2]}},
             "outputs": {"explained_variance": {"shape": [], "dtype": "float64", "data": [REFERENCE]} },
             "tolerance": {"float32": {"rtol": 2e-5, "atol": 1e-6}}}
            """.Replace("REFERENCE", reference, StringComparison.Ordinal));
        Assert.Equal(code, await Application.RunAsync(["verify", folder.Path, "--threads", "1"]));
    }

    [Fact]
    public async Task AFolderThatIsNotThereFails() =>
        Assert.Equal(ExitCode.Failure, await Application.RunAsync(["verify", Path.Combine(Path.GetTempPath(), "no-such-folder-of-cases")]));
}
