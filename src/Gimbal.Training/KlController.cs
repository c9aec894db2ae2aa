namespace Gimbal.Training;

/// <summary>The adaptive KL coefficient (Ziegler et al. 2019): steers the KL to the reference towards a target.</summary>
/// <param name="coefficient">To begin with.</param>
/// <param name="target">KL per sequence to hold; 0 or less: the coefficient stays as it is.</param>
/// <param name="horizon">Samples over which a full correction takes effect.</param>
public sealed class KlController(double coefficient, double target, double horizon)
{
    private const double Limit = 0.2; // of the relative error

    /// <summary>The coefficient in force.</summary>
    public double Coefficient { get; private set; } = coefficient;

    /// <summary>coefficient *= 1 + clip(kl / target - 1, -0.2, 0.2) samples / horizon.</summary>
    /// <param name="kl">Mean KL per sequence of the samples.</param>
    /// <param name="samples">How many.</param>
    public void Update(double kl, long samples)
    {
        if (target > 0)
        {
            Coefficient *= 1 + Math.Clamp(kl / target - 1, -Limit, Limit) * samples / horizon;
        }
    }

    /// <summary>Takes a coefficient that was kept elsewhere.</summary>
    public void Restore(double value) => Coefficient = value;
}
