using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>
/// The calls of a run to its rewards. One that throws is asked again sample by sample; those it throws for, all of a batch that
/// took too long, and scores that are no numbers are left out, counted and told of.
/// </summary>
/// <remarks>A reward that throws for every sample before it ever gave a score is a mistake of the set-up, and is thrown.</remarks>
/// <param name="command">The algorithm, for the log.</param>
/// <param name="logger">Where failures are told.</param>
internal sealed class RewardCalls(string command = "", ILogger? logger = null)
{
    private bool hasScored;

    /// <summary>Samples that the last call left out since the reward failed.</summary>
    public int Failures { get; private set; }

    /// <summary>Scores of some samples; null for those without one.</summary>
    /// <exception cref="GimbalException">The reward never gave a score and threw for every sample.</exception>
    public float?[] Ask(IReward reward, IReadOnlyList<Sample> samples, CancellationToken cancellationToken)
    {
        float?[] scores = new float?[samples.Count];
        Exception?[] errors = new Exception?[samples.Count];
        try
        {
            Wait(reward, samples, scores, cancellationToken);
        }
        catch (TimeoutException late)
        {
            Fail(scores, errors, 0, late);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            AskOneByOne(reward, samples, scores, errors, cancellationToken);
        }

        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] is { } score && !float.IsFinite(score))
            {
                (scores[i], errors[i]) = (null, new GimbalException($"the score of {Reward.Excerpt(samples[i].Completion)} is {score}; wanted a finite number, or null"));
            }
        }

        Report(reward, samples, errors);
        hasScored |= scores.Any(score => score is not null);
        return scores;
    }

    /// <summary>Forgets the failures counted so far.</summary>
    public void Clear() => Failures = 0;

    private static void Wait(IReward reward, IReadOnlyList<Sample> samples, float?[] scores, CancellationToken cancellationToken) =>
        reward.ScoreAsync(samples, scores, cancellationToken).AsTask().GetAwaiter().GetResult();

    private static void AskOneByOne(IReward reward, IReadOnlyList<Sample> samples, float?[] scores, Exception?[] errors, CancellationToken cancellationToken)
    {
        float?[] one = new float?[1];
        for (int i = 0; i < scores.Length; i++)
        {
            one[0] = scores[i] = null;
            try
            {
                Wait(reward, [samples[i]], one, cancellationToken);
                scores[i] = one[0];
            }
            catch (TimeoutException late)
            {
                Fail(scores, errors, i, late); // the rest would wait as long each
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                errors[i] = error;
            }
        }
    }

    private static void Fail(float?[] scores, Exception?[] errors, int start, Exception error)
    {
        scores.AsSpan(start).Clear();
        errors.AsSpan(start).Fill(error);
    }

    private void Report(IReward reward, IReadOnlyList<Sample> samples, Exception?[] errors)
    {
        int count = errors.Count(error => error is not null);
        if (count == 0)
        {
            return;
        }

        int first = Array.FindIndex(errors, error => error is not null);
        if (count == errors.Length && !hasScored && errors[first] is not TimeoutException)
        {
            throw errors[first] as GimbalException ?? new GimbalException(
                $"reward '{reward.Name}' failed on prompt {Reward.Excerpt(samples[first].Prompt)}: {errors[first]!.Message}", errors[first]!);
        }

        Failures += count;
        Log.RewardFailed(logger ?? NullLogger.Instance, command, reward.Name, count, errors.Length, Reward.Excerpt(samples[first].Prompt), errors[first]!.Message);
    }
}

/// <summary>What one reward of a weighted sum gave.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Scores">Its scores; null leaves a sample out.</param>
internal readonly record struct RewardPart(string Name, float Weight, float?[] Scores);
