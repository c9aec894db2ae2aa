namespace Gimbal.Training;

/// <summary>What a completion's length takes off its reward.</summary>
public static class LengthPenalty
{
    /// <summary>
    /// DAPO's soft overlong punishment (Yu et al. 2025): 0 up to maxLength - buffer tokens, then falling linearly to -factor at
    /// maxLength.
    /// </summary>
    /// <param name="length">Tokens of the completion.</param>
    /// <param name="maxLength">Most tokens it may have.</param>
    /// <param name="buffer">Tokens over which the punishment grows; 0: none.</param>
    /// <param name="factor">Its size at the end.</param>
    public static float Overlong(int length, int maxLength, int buffer, float factor) =>
        buffer <= 0 ? 0 : -factor * Math.Clamp(length - (maxLength - buffer), 0, buffer) / buffer;

    /// <summary>The reward of a completion that was cut off: reward x coefficient, or the coefficient itself if it is negative.</summary>
    /// <param name="reward">What the judge gave.</param>
    /// <param name="coefficient">1 leaves the reward alone.</param>
    public static float Truncated(float reward, float coefficient) => coefficient >= 0 ? reward * coefficient : coefficient;
}
