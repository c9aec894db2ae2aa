using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>What a policy reached in several episodes.</summary>
/// <param name="Mean">Mean return.</param>
/// <param name="StandardDeviation">Of the returns, over the number of episodes.</param>
/// <param name="Returns">Return of every episode: the plain sum of its rewards.</param>
/// <param name="MeanLength">Mean number of steps.</param>
public sealed record Evaluation(double Mean, double StandardDeviation, IReadOnlyList<double> Returns, double MeanLength)
{
    /// <summary>Number of episodes.</summary>
    public int Episodes => Returns.Count;

    /// <inheritdoc/>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{Mean:0.0} +- {StandardDeviation:0.0} over {Episodes} episodes");
}

/// <summary>Evaluates policies.</summary>
public static class ControlEvaluation
{
    /// <summary>Plays whole episodes with the policy's most likely actions, clipped or squashed to their bounds.</summary>
    /// <param name="policy">The policy; its moments of observations stay as they are.</param>
    /// <param name="create">Makes an environment; called once for each episode, which are played side by side.</param>
    /// <param name="episodes">Number of episodes.</param>
    /// <param name="seed">Episode i is seeded by (seed, i).</param>
    /// <exception cref="GimbalException">The environments have other spaces than the policy was made for.</exception>
    public static Evaluation Evaluate(this ControlPolicy policy, Func<IEnvironment> create, int episodes, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(create);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(episodes);
        IEnvironment[] environments = [.. Enumerable.Range(0, episodes).Select(_ => create())];
        try
        {
            CheckSpaces(policy.Config, environments[0].Observations, environments[0].Actions);
            return Play(policy, environments, seed);
        }
        finally
        {
            foreach (IEnvironment environment in environments)
            {
                (environment as IDisposable)?.Dispose();
            }
        }
    }

    /// <summary>Turns actions as the policy gave them into those that environments take: squashed or clipped to their bounds.</summary>
    public static void Bound(this ControlPolicyConfig config, Space actions, Span<float> values)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.SquashesActions)
        {
            actions.Squash(values);
        }
        else
        {
            actions.Clip(values);
        }
    }

    private static Evaluation Play(ControlPolicy policy, IEnvironment[] environments, ulong seed)
    {
        int size = policy.Config.ObservationSize, actionSize = policy.Config.ActionSize;
        Space space = environments[0].Actions;
        float[] observations = new float[environments.Length * size], actions = new float[environments.Length * actionSize];
        double[] returns = new double[environments.Length];
        int[] running = [.. Enumerable.Range(0, environments.Length)];
        for (int i = 0; i < environments.Length; i++)
        {
            environments[i].Reset(SplitMix64.Keyed(seed, (ulong)i).Next(), observations.AsSpan(i * size, size));
        }

        long steps = 0;
        for (int left = running.Length; left > 0;)
        {
            // Rows 0 .. left - 1 hold the episodes that still run.
            policy.Act(observations.AsSpan(0, left * size), actions.AsSpan(0, left * actionSize));
            policy.Config.Bound(space, actions.AsSpan(0, left * actionSize));
            int kept = 0;
            for (int row = 0; row < left; row++)
            {
                int episode = running[row];
                Span<float> observation = observations.AsSpan(row * size, size);
                StepResult result = environments[episode].Step(actions.AsSpan(row * actionSize, actionSize), observation);
                returns[episode] += result.Reward;
                steps++;
                if (!result.Done)
                {
                    observation.CopyTo(observations.AsSpan(kept * size, size));
                    running[kept++] = episode;
                }
            }

            left = kept;
        }

        double mean = returns.Average();
        double deviation = Math.Sqrt(returns.Average(value => (value - mean) * (value - mean)));
        return new Evaluation(mean, deviation, returns, (double)steps / returns.Length);
    }

    /// <summary>Checks that the policy was made for these spaces.</summary>
    internal static void CheckSpaces(ControlPolicyConfig config, Space observations, Space actions)
    {
        if (observations.Size != config.ObservationSize || actions.Size != config.ActionSize || actions.Choices != config.Choices)
        {
            throw new GimbalException($"the environment has observations of {observations.Size}, actions of {actions.Size} elements and " +
                $"{actions.Choices} choices; the policy was made for {config.ObservationSize}, {config.ActionSize} and {config.Choices}");
        }

        if (config.SquashesActions && (float.IsInfinity(actions.Low) || float.IsInfinity(actions.High)))
        {
            throw new GimbalException(
                $"the policy squashes its actions to the environment's bounds, which are {actions.Low} and {actions.High}");
        }
    }
}
