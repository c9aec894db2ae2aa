using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Advantages of a rollout's tokens as GRPO's options ask for them.</summary>
/// <param name="options">Baseline, scale, aggregation, place of the KL, penalties on length.</param>
internal sealed class GrpoAdvantages(GrpoOptions options)
{
    private readonly AdvantageEstimator estimator = new(options.Baseline, options.Scale, options.AdvantageEpsilon);

    /// <summary>Writes the advantages of samples and tokens; those without a score get 0 and no weight.</summary>
    public void Estimate(Arena arena, Rollout rollout, RolloutTokens tokens, MetricRow metrics)
    {
        // What the judge gave, less the penalties on length and, on request, beta KL of the completion.
        float[] kl = options.KlPlacement != KlPlacement.Loss && options.Beta > 0 ? tokens.ExactKl ?? Kl(arena, tokens) : [];
        float?[] scores = [.. rollout.Scores.Select((score, i) => score is { } given ? Adjusted(given, rollout, tokens, kl, i) : (float?)null)];
        AdvantageEstimator.Summary summary = estimator.Estimate(arena, scores, options.GroupSize, tokens.Advantages);
        if (options.Aggregation == RewardAggregation.NormalizeThenSum)
        {
            NormalizeThenSum(arena, rollout, tokens, scores);
        }

        metrics[MetricNames.Reward] = rollout.Scores.Average(score => (double?)score) ?? double.NaN;
        metrics[MetricNames.RewardStd] = summary.StandardDeviation;
        metrics[MetricNames.FracRewardZeroStd] = summary.EqualGroups / summary.Groups;
        for (int i = 0; i < tokens.Count && options.MaskTruncated; i++)
        {
            if (!rollout.Sequences[i].Ended)
            {
                tokens.LeaveOut(i);
            }
        }

        // Of tokens: the KL of the tokens still to come, then whitening over the step.
        tokens.SpreadAdvantages();
        if (options.KlPlacement == KlPlacement.TokenReward && kl.Length > 0)
        {
            AddKlToCome(tokens, kl);
        }

        if (options.WhitenAdvantages)
        {
            Whiten(arena, tokens);
        }
    }

    // GDPO: each reward has a baseline and a scale in its group; the weighted sum is normalised over the step.
    private void NormalizeThenSum(Arena arena, Rollout rollout, RolloutTokens tokens, float?[] scores)
    {
        float[] one = new float[tokens.Count];
        tokens.Advantages.AsSpan().Clear();
        foreach ((_, float weight, float?[] part) in rollout.Parts)
        {
            estimator.Estimate(arena, part, options.GroupSize, one);
            for (int i = 0; i < one.Length; i++)
            {
                tokens.Advantages[i] += weight * one[i];
            }
        }

        AdvantageEstimator.Normalize(scores, options.AdvantageEpsilon, tokens.Advantages);
    }

    private float Adjusted(float score, Rollout rollout, RolloutTokens tokens, float[] kl, int sample)
    {
        int length = tokens.Sequences[sample].CompletionLength;
        float kept = rollout.Sequences[sample].Ended ? score : LengthPenalty.Truncated(score, options.TruncatedReward);
        float penalty = LengthPenalty.Overlong(length, options.Sampling.MaxNewTokens, options.OverlongBuffer, options.OverlongPenalty);
        double distance = 0;
        if (options.KlPlacement == KlPlacement.Reward && kl.Length > 0)
        {
            foreach (float value in kl.AsSpan(tokens.TokensOf(sample)))
            {
                distance += value;
            }
        }

        return (float)(kept + penalty - options.Beta * distance);
    }

    private void AddKlToCome(RolloutTokens tokens, float[] kl)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            Span<float> advantages = tokens.TokenAdvantages.AsSpan(tokens.TokensOf(i)), penalties = kl.AsSpan(tokens.TokensOf(i));
            double toCome = 0;
            for (int t = advantages.Length - 1; t >= 0; t--)
            {
                toCome += penalties[t];
                advantages[t] -= (float)(options.Beta * toCome);
            }
        }
    }

    private static void Whiten(Arena arena, RolloutTokens tokens)
    {
        byte[] mask = new byte[tokens.TokenCount];
        for (int i = 0; i < tokens.Count; i++)
        {
            mask.AsSpan(tokens.TokensOf(i)).Fill((byte)(tokens.IsScored(i) ? 1 : 0));
        }

        using ArenaScope scope = arena.Enter();
        Tensor x = arena.Allocate(DType.Float32, new Shape(tokens.TokenCount)), kept = arena.Allocate(DType.UInt8, x.Shape);
        x.CopyFrom<float>(tokens.TokenAdvantages);
        kept.CopyFrom<byte>(mask);
        Ops.Whiten(x, kept, x, default);
        x.CopyTo(tokens.TokenAdvantages.AsSpan());
    }

    private float[] Kl(Arena arena, RolloutTokens tokens)
    {
        using ArenaScope scope = arena.Enter();
        Shape shape = new(tokens.TokenCount);
        Tensor old = arena.Allocate(DType.Float32, shape), reference = arena.Allocate(DType.Float32, shape), kl = arena.Allocate(DType.Float32, shape);
        old.CopyFrom<float>(tokens.Old);
        reference.CopyFrom<float>(tokens.Reference);
        Ops.KlPenalty(old, reference, kl, default, (KlForm)options.KlEstimator);
        return kl.ToArray<float>();
    }
}
