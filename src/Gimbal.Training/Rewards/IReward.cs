namespace Gimbal.Training;

/// <summary>Scores completions. <see cref="Reward"/> makes the usual ones; a reward of your own implements this.</summary>
public interface IReward
{
    /// <summary>Name under which the scores are logged.</summary>
    string Name { get; }

    /// <summary>Writes the score of <c>samples[i]</c> to <c>scores[i]</c>; null leaves the sample out of the training step.</summary>
    /// <param name="samples">The samples of a step.</param>
    /// <param name="scores">As long as <paramref name="samples"/>; every element is written, with a finite number or null.</param>
    /// <param name="ct">Ends the scoring early.</param>
    ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct);
}
