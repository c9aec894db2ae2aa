namespace Gimbal.Training;

/// <summary>Makes preference pairs from a model's own samples, ranked by their scores.</summary>
public static class PreferencePairs
{
    /// <summary>
    /// Pairs the samples of each prompt, best with worst, second best with second worst and so on, while the scores differ by at
    /// least <paramref name="margin"/>. Pairs of equal completions are passed over, and ties keep the order of sampling.
    /// </summary>
    /// <param name="samples">Samples of prompt 0, then of prompt 1, ..., <paramref name="groupSize"/> each.</param>
    /// <param name="scores">One score a sample; null leaves the sample out.</param>
    /// <param name="groupSize">Samples per prompt, at least 2.</param>
    /// <param name="maxPairs">At most so many pairs a prompt.</param>
    /// <param name="margin">Smallest difference of scores, greater than 0.</param>
    /// <returns>The pairs in the order of the prompts, possibly none.</returns>
    public static IReadOnlyList<PreferenceExample> Rank(IReadOnlyList<Sample> samples, ReadOnlySpan<float?> scores, int groupSize,
        int maxPairs = 1, float margin = 1e-6f)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, samples.Count, nameof(scores));
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 2);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(margin);
        if (samples.Count % groupSize != 0)
        {
            throw new ArgumentException($"{samples.Count} samples do not fall into groups of {groupSize}", nameof(samples));
        }

        List<PreferenceExample> pairs = [];
        List<(float Score, Sample Sample)> group = [];
        for (int start = 0; start < samples.Count; start += groupSize)
        {
            group.Clear();
            for (int i = start; i < start + groupSize; i++)
            {
                if (scores[i] is { } score)
                {
                    group.Add((score, samples[i]));
                }
            }

            AddPairs([.. group.OrderByDescending(entry => entry.Score)], maxPairs, margin, pairs);
        }

        return pairs;
    }

    private static void AddPairs((float Score, Sample Sample)[] ranked, int maxPairs, float margin, List<PreferenceExample> pairs)
    {
        int made = 0;
        for (int best = 0, worst = ranked.Length - 1; best < worst && made < maxPairs; best++, worst--)
        {
            (Sample chosen, Sample rejected) = (ranked[best].Sample, ranked[worst].Sample);
            if (ranked[best].Score - ranked[worst].Score < margin)
            {
                return;
            }

            if (chosen.Completion != rejected.Completion || !chosen.CompletionIds.Span.SequenceEqual(rejected.CompletionIds.Span))
            {
                pairs.Add(new PreferenceExample(chosen.Prompt, chosen.Completion, rejected.Completion,
                    Ids(chosen.PromptIds), Ids(chosen.CompletionIds), Ids(rejected.CompletionIds)));
                made++;
            }
        }
    }

    private static int[]? Ids(ReadOnlyMemory<int> ids) => ids.IsEmpty ? null : ids.ToArray();
}
