using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Rewards of single tokens, from the score of the whole completion and the distance to the reference (Ziegler et al. 2019).</summary>
internal static class TokenRewards
{
    /// <summary>
    /// r_t = -beta KL_t of every token; the last of each sample's rewards also gets its score, less the penalty for a missing end.
    /// </summary>
    /// <param name="arena">Scratch memory, in the caller's scope.</param>
    /// <param name="rollout">Scored completions.</param>
    /// <param name="tokens">Log-probabilities under the old policy and the reference.</param>
    /// <param name="states">Receives the rewards.</param>
    /// <param name="options">Estimator, clipping, penalties.</param>
    /// <param name="beta">The KL coefficient in force.</param>
    /// <param name="hasReference">False: no KL.</param>
    /// <param name="metrics">Receives the objective and its parts, means over the scored samples.</param>
    public static void Write(Arena arena, Rollout rollout, RolloutTokens tokens, RolloutValues states, PpoOptions options,
        float beta, bool hasReference, MetricRow metrics)
    {
        float[] kl = hasReference ? tokens.ExactKl ?? Kl(arena, tokens, options.KlEstimator) : new float[tokens.TokenCount];
        double klSum = 0, logprobSum = 0, scoreSum = 0, judgeSum = 0;
        int ended = 0, scored = 0;
        for (int i = 0; i < tokens.Count; i++)
        {
            ReadOnlySpan<float> klOf = kl.AsSpan(tokens.TokensOf(i)), logprobs = tokens.Old.AsSpan(tokens.TokensOf(i));
            Span<float> rewards = states.Rewards.AsSpan(states.StatesOf(i));
            rewards.Clear();
            double sampleKl = 0;
            for (int t = 0; t < klOf.Length; t++)
            {
                rewards[t] = -beta * klOf[t];
                sampleKl += klOf[t];
                logprobSum += states.IsScored(i) ? logprobs[t] : 0;
            }

            if (rollout.Scores[i] is { } judged)
            {
                float score = Score(judged, rollout.Sequences[i], options);
                rewards[^1] += score;
                (klSum, scoreSum, judgeSum, scored) = (klSum + sampleKl, scoreSum + score, judgeSum + judged, scored + 1);
                ended += rollout.Sequences[i].Ended ? 1 : 0;
            }
        }

        double count = Math.Max(1, scored);
        metrics[MetricNames.Reward] = scored == 0 ? double.NaN : judgeSum / count;
        metrics[MetricNames.ObjectiveScores] = scoreSum / count;
        metrics[MetricNames.ObjectiveNonScoreReward] = -beta * klSum / count;
        metrics[MetricNames.ObjectiveRlhfReward] = (scoreSum - beta * klSum) / count;
        metrics[MetricNames.ObjectiveEntropy] = -logprobSum / count;
        metrics[MetricNames.NumEosTokens] = ended / count;
        if (hasReference)
        {
            metrics[MetricNames.ObjectiveKl] = klSum / count;
            metrics[MetricNames.KlPerSequence] = tokens.MeanLogRatio();
        }
    }

    // What the judge gave, within its bounds, less what its end or length costs.
    private static float Score(float judged, GeneratedSequence sequence, PpoOptions options)
    {
        float score = options.ScoreClip > 0 ? Math.Clamp(judged, -options.ScoreClip, options.ScoreClip) : judged;
        if (!sequence.Ended)
        {
            score = LengthPenalty.Truncated(score, options.TruncatedReward) - options.MissingEosPenalty;
        }

        return score + LengthPenalty.Overlong(sequence.CompletionLength, options.Sampling.MaxNewTokens, options.OverlongBuffer, options.OverlongPenalty);
    }

    private static float[] Kl(Arena arena, RolloutTokens tokens, KlEstimator estimator)
    {
        Shape shape = new(tokens.TokenCount);
        Tensor old = arena.Allocate(DType.Float32, shape), reference = arena.Allocate(DType.Float32, shape);
        Tensor kl = arena.Allocate(DType.Float32, shape);
        old.CopyFrom<float>(tokens.Old);
        reference.CopyFrom<float>(tokens.Reference);
        Ops.KlPenalty(old, reference, kl, default, (KlForm)estimator);
        return kl.ToArray<float>();
    }
}
