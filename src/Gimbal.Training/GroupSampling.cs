using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>
/// The rollouts of GRPO: completions of each prompt, scored. With dynamic sampling (DAPO, Yu et al. 2025) groups whose rewards are
/// all equal, and whose advantages are therefore 0, give way to groups of other prompts, round by round.
/// </summary>
/// <remarks>
/// Prompts and draws are functions of seed, step and round, so that a resumed run repeats them. Groups that are still equal after the
/// last round stay.
/// </remarks>
/// <param name="policy">Draws.</param>
/// <param name="prompts">The prompts of the run.</param>
/// <param name="reward">Scores the completions.</param>
/// <param name="options">Groups, rounds, sampling, seed.</param>
/// <param name="calls">How the reward is asked.</param>
/// <param name="totals">Counts the tokens drawn, those of groups that gave way included.</param>
internal sealed class GroupSampling(LanguageModel policy, PromptDataset prompts, IReward reward, GrpoOptions options, RewardCalls calls,
    TrainingTotals totals)
{
    private const ulong RefillKey = 0x5245_4649;

    private readonly DataOrder order = new(prompts.Count, options.Seed), refills = new(prompts.Count, options.Seed ^ RefillKey);

    /// <summary>The rollout of a step, its prompts' groups one after the other.</summary>
    public Rollout Draw(int step, MetricRow metrics)
    {
        int[] rows = new int[options.PromptsPerStep];
        order.Fill(step, rows);
        Rollout rollout = Draw(step, 0, rows);
        List<int> equal = rollout.EqualGroups(options.GroupSize);
        int round = 1, drawn = rows.Length, kept = drawn - equal.Count;
        for (; round < options.SamplingRounds && equal.Count > 0; round++)
        {
            long place = ((long)step * (options.SamplingRounds - 1) + round - 1) * rows.Length;
            rollout.Replace(equal, Draw(step, round, [.. equal.Select((_, i) => refills[place + i])]), options.GroupSize);
            List<int> left = rollout.EqualGroups(options.GroupSize);
            (drawn, kept, equal) = (drawn + equal.Count, kept + equal.Count - left.Count, left);
        }

        if (options.SamplingRounds > 1)
        {
            metrics[MetricNames.SamplingRounds] = round;
            metrics[MetricNames.SamplingPassRate] = (double)kept / drawn;
        }

        return rollout;
    }

    private Rollout Draw(int step, int round, int[] rows)
    {
        long firstSample = (long)round * options.PromptsPerStep * options.GroupSize;
        Rollout rollout = Rollout.Draw(policy, [.. rows.Select(row => prompts[row])], options.GroupSize, options.Sampling,
            options.Seed, step, CancellationToken.None, firstSample);
        totals.GeneratedTokens += rollout.CompletionTokens;
        if (options.Aggregation == RewardAggregation.NormalizeThenSum || options.Record)
        {
            rollout.ScoreParts(reward, CancellationToken.None, calls);
        }
        else
        {
            rollout.Score(reward, CancellationToken.None, calls);
        }

        return rollout;
    }
}
