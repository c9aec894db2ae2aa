namespace Gimbal.Models;

/// <summary>Actions squashed into -1..1 by tanh (Haarnoja et al. 2018), where the policy's density is that of the number before.</summary>
public static class SquashedActions
{
    /// <summary>The number whose tanh an action is; actions at the ends count as the last float32 before them.</summary>
    public static float Before(float action)
    {
        const float Last = 1 - 1.1920929e-7f;
        return (float)Math.Atanh(Math.Clamp(action, -Last, Last));
    }
}
