using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>What a loss over labelled samples measures rewards from; no gradient flows into it.</summary>
public static class UnpairedShift
{
    /// <summary>
    /// KTO's z0 (Ethayarajh et al. 2024): the mean log-ratio of completions under prompts that are not theirs, an estimate of
    /// KL(policy || reference), at least 0.
    /// </summary>
    /// <param name="logprobs">Of the mismatched completions under the policy.</param>
    /// <param name="reference">Under the reference.</param>
    public static float ZeroPoint(ReadOnlySpan<float> logprobs, ReadOnlySpan<float> reference)
    {
        double sum = 0;
        for (int i = 0; i < logprobs.Length; i++)
        {
            sum += (double)logprobs[i] - reference[i];
        }

        return (float)Math.Max(0, sum / Math.Max(1, logprobs.Length));
    }

    /// <summary>BCO's delta (Jung et al. 2024): the running mean of the rewards of all samples so far, these included.</summary>
    public static float Delta(RunningMoments moments, ReadOnlySpan<float> rewards)
    {
        moments.Update(rewards);
        return (float)moments.Mean[0];
    }
}
