namespace Gimbal.Training;

/// <summary>A threshold of <see cref="WatchOptions"/> that a run crossed; each kind is told once.</summary>
/// <param name="Kind">The key of the watch, without its group.</param>
/// <param name="Step">Steps taken when it was crossed.</param>
/// <param name="Value">What was found.</param>
/// <param name="Threshold">What it was held against.</param>
/// <param name="Remedy">What to change.</param>
public sealed record TrainingWarning(string Kind, long Step, double Value, double Threshold, string Remedy);
