using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class PreferencePairsTests
{
    [Fact]
    public void BestIsPairedWithWorstWithinEachGroup()
    {
        Sample[] samples = [Make("p", "a"), Make("p", "b"), Make("p", "c"), Make("p", "d"), Make("q", "e"), Make("q", "f"), Make("q", "g"), Make("q", "h")];
        float?[] scores = [0.2f, 1f, 0f, 0.9f, null, 0.5f, 0.5f, 0.7f];
        IReadOnlyList<PreferenceExample> pairs = PreferencePairs.Rank(samples, scores, groupSize: 4, maxPairs: 2, margin: 0.1f);
        Assert.Equal([("p", "b", "c"), ("p", "d", "a"), ("q", "h", "g")], pairs.Select(pair => (pair.Prompt, pair.Chosen, pair.Rejected)));
        Assert.Equal([("p", "b", "c"), ("q", "h", "g")],
            PreferencePairs.Rank(samples, scores, 4).Select(pair => (pair.Prompt, pair.Chosen, pair.Rejected)));
        Assert.Single(PreferencePairs.Rank(samples, scores, 4, 2, margin: 0.8f));
    }

    [Fact]
    public void EqualScoresAndEqualCompletionsGiveNoPair()
    {
        Assert.Empty(PreferencePairs.Rank([Make("p", "a"), Make("p", "b")], [1f, 1f], 2));
        Assert.Empty(PreferencePairs.Rank([Make("p", "a"), Make("p", "a")], [1f, 0f], 2));
    }

    [Fact]
    public void TokenIdsAreCarriedAlong()
    {
        PreferenceExample pair = Assert.Single(PreferencePairs.Rank(
            [
                new Sample { Prompt = "p", Completion = "a", PromptIds = new[] { 1 }, CompletionIds = new[] { 2, 9 } },
                new Sample { Prompt = "p", Completion = "b", PromptIds = new[] { 1 }, CompletionIds = new[] { 3 } },
            ], [0f, 1f], 2));
        Assert.Equal([1], pair.PromptIds!);
        Assert.Equal([3], pair.ChosenIds!);
        Assert.Equal([2, 9], pair.RejectedIds!);
    }

    [Fact]
    public void RaggedGroupsAreRefused() =>
        Assert.Throws<ArgumentException>(() => PreferencePairs.Rank([Make("p", "a"), Make("p", "b"), Make("p", "c")], [1f, 2f, 3f], 2));

    private static Sample Make(string prompt, string completion) => new() { Prompt = prompt, Completion = completion };
}
