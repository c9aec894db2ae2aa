using Gimbal.Cli.Golden;
using Gimbal.Tensors;

namespace Gimbal.Tests.Golden;

/// <summary>The golden cases of other systems, one test an operation, with the runners of <c>gimbal verify</c>.</summary>
public sealed class GoldenSuiteTests
{
    public static TheoryData<string> Operations => [.. GoldenSuite.Operations.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void EveryCaseOfTheOperationAgrees(string operation)
    {
        string folder = SharedFolder.Require(Path.Combine("golden", operation));
        using Device device = TestDevice.Open();
        CaseResult[] results = [.. GoldenSuite.Run(folder, device)];
        string[] failed = [.. results.Where(result => result.Outcome == Outcome.Failed).Select(result => $"{result.Name}: {result.Message}")];
        Assert.True(failed.Length == 0, string.Join('\n', failed));
        Assert.Contains(results, result => result.Outcome == Outcome.Passed);
    }
}
