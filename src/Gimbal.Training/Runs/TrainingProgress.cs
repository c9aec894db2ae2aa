namespace Gimbal.Training;

/// <summary>What a trainer reports after each step.</summary>
/// <param name="Step">Steps taken, this one included.</param>
/// <param name="MaxSteps">Steps the run will take.</param>
/// <param name="Metrics">The step's metrics; valid during the report only, since the row is filled anew each step.</param>
public readonly record struct TrainingProgress(int Step, int MaxSteps, MetricRow Metrics);
