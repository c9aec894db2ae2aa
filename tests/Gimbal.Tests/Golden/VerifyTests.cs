using Gimbal.Cli;
using Gimbal.Tests.Cli;

namespace Gimbal.Tests.Golden;

/// <summary><c>gimbal verify</c> as a program.</summary>
public sealed class VerifyTests
{
    // Var(y_true - y_pred) equals Var(y_true): nothing is explained.
    [Theory]
    [InlineData("0.0", ExitCode.Success, "verify: 1 passed, 0 failed, 0 unsupported")]
    [InlineData("0.1", ExitCode.Failure, "verify: 0 passed, 1 failed, 0 unsupported")]
    public void TheExitCodeTellsWhetherACaseFailed(string reference, int wanted, string lastLine)
    {
        using TemporaryFolder folder = new();
        folder.Write("case.json", """
            {"op": "explained_variance", "case": "made", "params": {},
             "inputs": {"y_pred": {"shape": [3], "dtype": "float32", "data": [0, 2, 1]},
                        "y_true": {"shape": [3], "dtype": "float32", "data": [0, 1, 2]}},
             "outputs": {"explained_variance": {"shape": [], "dtype": "float64", "data": [REFERENCE]}},
             "tolerance": {"float32": {"rtol": 2e-5, "atol": 1e-6}}}
            """.Replace("REFERENCE", reference, StringComparison.Ordinal));
        (int code, string output, _) = CommandLineTests.Run("verify", folder.Path);
        Assert.Equal(wanted, code);
        Assert.Equal(lastLine, output.TrimEnd().Split('\n')[^1]);
    }

    [Fact]
    public void AFolderThatIsNotThereFailsAndIsNamed()
    {
        (int code, _, string error) = CommandLineTests.Run("verify", "no-such-folder-of-cases");
        Assert.Equal(ExitCode.Failure, code);
        Assert.Contains("no-such-folder-of-cases: no such folder", error, StringComparison.Ordinal);
    }
}
