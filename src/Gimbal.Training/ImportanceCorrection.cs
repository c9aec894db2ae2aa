namespace Gimbal.Training;

/// <summary>Importance weights of completions that another policy drew, such as an inexact copy: w = pi_old / pi_sampler.</summary>
public static class ImportanceCorrection
{
    /// <summary>
    /// The weights of the tokens of one completion: exp(old - sampler) of each, or of their sum over the completion; held within
    /// low..high, or 0 outside.
    /// </summary>
    /// <param name="kind">Of what, and what happens outside the bounds.</param>
    /// <param name="low">Lower bound.</param>
    /// <param name="high">Upper bound.</param>
    /// <param name="old">Log-probabilities under the policy that the ratio is to.</param>
    /// <param name="sampler">Under the policy that drew the tokens.</param>
    /// <param name="weights">Written.</param>
    public static void Write(RolloutCorrection kind, float low, float high, ReadOnlySpan<float> old, ReadOnlySpan<float> sampler, Span<float> weights)
    {
        if (kind is RolloutCorrection.TruncateSequences or RolloutCorrection.MaskSequences)
        {
            double sum = 0;
            for (int i = 0; i < old.Length; i++)
            {
                sum += (double)old[i] - sampler[i];
            }

            weights.Fill(Bounded(kind == RolloutCorrection.MaskSequences, Math.Exp(sum), low, high));
            return;
        }

        for (int i = 0; i < old.Length; i++)
        {
            weights[i] = kind == RolloutCorrection.None ? 1
                : Bounded(kind == RolloutCorrection.MaskTokens, Math.Exp((double)old[i] - sampler[i]), low, high);
        }
    }

    private static float Bounded(bool isMasked, double ratio, float low, float high) =>
        (float)(ratio >= low && ratio <= high ? ratio : isMasked ? 0 : Math.Clamp(ratio, low, high));
}
