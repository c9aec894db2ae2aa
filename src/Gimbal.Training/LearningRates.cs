namespace Gimbal.Training;

/// <summary>The course of the learning rate.</summary>
public static class LearningRates
{
    /// <summary>
    /// Learning rate of an optimizer step: rises linearly from 0 over the warm-up, then falls from its largest value to
    /// <see cref="OptimizerOptions.MinimumRatio"/> of it, by half a cosine or a straight line, or stays.
    /// </summary>
    /// <param name="options">Largest rate, warm-up, schedule.</param>
    /// <param name="step">Number of the optimizer step, from 0.</param>
    /// <param name="total">Optimizer steps of the whole run.</param>
    public static float At(OptimizerOptions options, long step, long total)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (step < options.WarmupSteps)
        {
            return (float)(options.LearningRate * ((double)step / options.WarmupSteps));
        }

        double progress = (double)(step - options.WarmupSteps) / Math.Max(1, total - options.WarmupSteps);
        double share = options.Schedule switch
        {
            LearningRateSchedule.Cosine => 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, progress))),
            LearningRateSchedule.Linear => Math.Max(0, 1 - progress),
            _ => 1,
        };
        return (float)(options.LearningRate * (options.MinimumRatio + (1 - options.MinimumRatio) * share));
    }
}
