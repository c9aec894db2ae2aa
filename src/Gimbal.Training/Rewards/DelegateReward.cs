namespace Gimbal.Training;

/// <summary>Scores each sample by a delegate and names the prompt when the delegate fails.</summary>
internal sealed class DelegateReward(Func<Sample, float?> score, string name) : IReward
{
    public string Name { get; } = name;

    public ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, samples.Count, nameof(scores));
        for (int i = 0; i < samples.Count; i++)
        {
            ct.ThrowIfCancellationRequested();
            scores.Span[i] = ScoreOne(samples[i]);
        }

        return ValueTask.CompletedTask;
    }

    private float? ScoreOne(Sample sample)
    {
        float? value;
        try
        {
            value = score(sample);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new GimbalException($"{Describe(sample)}: {error.Message}", error);
        }

        return value is null || float.IsFinite(value.Value)
            ? value
            : throw new GimbalException($"{Describe(sample)}: the score is {value}. Return a finite number, or null to leave the sample out.");
    }

    private string Describe(Sample sample) =>
        $"reward '{Name}' failed on prompt {Reward.Excerpt(sample.Prompt)} with completion {Reward.Excerpt(sample.Completion)}";
}
