namespace Gimbal.Training;

/// <summary>The course of the learning rate.</summary>
public static class LearningRates
{
    /// <summary>
    /// Learning rate of an optimizer step: rises linearly over the warm-up, then falls from its largest value to
    /// <see cref="OptimizerOptions.MinimumRatio"/> of it in the way of its schedule.
    /// </summary>
    /// <param name="options">Largest rate, warm-up, schedule.</param>
    /// <param name="step">Number of the optimizer step, from 0.</param>
    /// <param name="total">Optimizer steps of the whole run.</param>
    public static float At(OptimizerOptions options, long step, long total)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (step < options.WarmupSteps)
        {
            return (float)(options.LearningRate * (options.InitialRatio + (1 - options.InitialRatio) * ((double)step / options.WarmupSteps)));
        }

        long taken = step - options.WarmupSteps, left = Math.Max(1, total - options.WarmupSteps);
        double progress = (double)taken / left;
        double share = options.Schedule switch
        {
            LearningRateSchedule.Cosine => Half(Math.Min(1, progress)),
            LearningRateSchedule.Linear => Math.Max(0, 1 - progress),
            LearningRateSchedule.CosineRestarts => progress >= 1 ? 0 : Half(options.Cycles * progress % 1),
            LearningRateSchedule.Polynomial => Math.Pow(Math.Max(0, 1 - progress), options.Power),
            LearningRateSchedule.InverseSqrt => InverseRoot(options.WarmupSteps, step),
            LearningRateSchedule.WarmupStableDecay => Half(AfterStable(taken, left, options.StableRatio)),
            _ => 1,
        };
        return (float)(options.LearningRate * (options.MinimumRatio + (1 - options.MinimumRatio) * share));
    }

    // Half a cosine, from 1 at 0 to 0 at 1.
    private static double Half(double progress) => 0.5 * (1 + Math.Cos(Math.PI * progress));

    // Without a warm-up Hugging Face takes 10,000 steps for its time scale.
    private static double InverseRoot(int warmup, long step)
    {
        double scale = warmup > 0 ? warmup : 10_000;
        return 1 / Math.Sqrt((step + scale - warmup) / scale);
    }

    // How far the decay has come, after the whole steps that the rate stays.
    private static double AfterStable(long taken, long left, double stableRatio)
    {
        long stable = (long)(left * stableRatio);
        return taken < stable ? 0 : Math.Min(1, (double)(taken - stable) / Math.Max(1, left - stable));
    }
}
