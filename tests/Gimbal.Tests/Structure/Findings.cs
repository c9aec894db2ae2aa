namespace Gimbal.Tests.Structure;

/// <summary>What a structure test found wrong, listed in full when it fails.</summary>
internal static class Findings
{
    public static void AssertNone(IEnumerable<string> findings)
    {
        string[] found = [.. findings.Distinct()];
        Assert.True(found.Length == 0, $"{found.Length} found:\n{string.Join('\n', found)}");
    }
}
