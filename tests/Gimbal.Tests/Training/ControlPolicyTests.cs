using System.Text.Json;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class ControlPolicyTests : IDisposable
{
    private readonly Device device = TestDevice.Open();

    public void Dispose() => device.Dispose();

    [Theory]
    [InlineData(1, 7)]
    [InlineData(64, 3)]
    [InlineData(3, 64)]
    [InlineData(31, 33)]
    [InlineData(64, 64)]
    public void OrthogonalWeightsAreOrthogonal(int rows, int columns)
    {
        const double Gain = 1.5;
        float[] w = OrthogonalInitializer.Create(rows, columns, Gain, seed: 3, purpose: 9);
        int count = Math.Min(rows, columns), length = Math.Max(rows, columns);
        double At(int vector, int i) => rows <= columns ? w[vector * columns + i] : w[i * columns + vector];
        for (int a = 0; a < count; a++)
        {
            for (int b = 0; b <= a; b++)
            {
                double dot = Enumerable.Range(0, length).Sum(i => At(a, i) * At(b, i));
                Assert.Equal(a == b ? Gain * Gain : 0, dot, 1e-6);
            }
        }

        Assert.NotEqual(w, OrthogonalInitializer.Create(rows, columns, Gain, seed: 4, purpose: 9));
    }

    [Fact]
    public void ANewPolicyHasNeverSeenAnything()
    {
        using ControlPolicy policy = Gaussian(observations: 3, actions: 2);
        Assert.Equal(["critic.0.weight", "critic.0.bias", "critic.2.weight", "critic.2.bias", "critic.4.weight", "critic.4.bias",
            "actor_mean.0.weight", "actor_mean.0.bias", "actor_mean.2.weight", "actor_mean.2.bias", "actor_mean.4.weight",
            "actor_mean.4.bias", "actor_logstd"], policy.Store.Parameters.Select(parameter => parameter.Name));
        foreach (Parameter parameter in policy.Store.Parameters.Where(parameter => parameter.Shape.Rank == 1))
        {
            Assert.All(parameter.Value.ToArray<float>(), value => Assert.Equal(0, value));
        }

        // Rows of the last layers are as long as their gains.
        Assert.Equal(0.01, Length(policy.Store.Find("actor_mean.4.weight")!.Value.RowRange(1, 1)), 1e-7);
        Assert.Equal(1, Length(policy.Store.Find("critic.4.weight")!.Value), 1e-6);
    }

    [Fact]
    public void DrawsDependOnSeedStepAndEnvironmentAlone()
    {
        using ControlPolicy policy = Categorical(observations: 2, choices: 5);
        float[] observations = Numbers(2 * 40, seed: 1);
        float[] all = Draw(policy, observations, 40, seed: 3, step: 9);
        Assert.Equal(all[..11], Draw(policy, observations.AsSpan(0, 22), 11, seed: 3, step: 9));
        Assert.NotEqual(all, Draw(policy, observations, 40, seed: 4, step: 9));
        Assert.NotEqual(all, Draw(policy, observations, 40, seed: 3, step: 10));
    }

    [Fact]
    public void ContinuousActionsHaveTheMeanAndDeviationOfTheGaussian()
    {
        const int Rows = 20_000;
        using ControlPolicy policy = Gaussian(observations: 2, actions: 2);
        Disturb(policy);
        float[] logStd = [-1f, 0.5f];
        policy.Store.Find("actor_logstd")!.Value.CopyFrom<float>(logStd);
        float[] observations = [.. Enumerable.Range(0, Rows).SelectMany(_ => new[] { 0.3f, -0.2f })];
        float[] mean = new float[2], actions = new float[2 * Rows];
        policy.Act(observations.AsSpan(0, 2), mean);
        policy.Sample(observations, 1, 0, actions, new float[Rows], new float[Rows]);
        for (int dimension = 0; dimension < 2; dimension++)
        {
            double[] drawn = [.. Enumerable.Range(0, Rows).Select(i => (actions[2 * i + dimension] - mean[dimension]) / Math.Exp(logStd[dimension]))];
            double average = drawn.Average();
            Assert.InRange(average, -0.03, 0.03);
            Assert.InRange(drawn.Average(x => (x - average) * (x - average)), 0.97, 1.03);
            Assert.InRange(drawn.Average(x => Math.Pow(x, 4)), 2.8, 3.2);
        }
    }

    [Fact]
    public void ChoicesAreDrawnAsOftenAsTheirProbabilities()
    {
        const int Rows = 20_000;
        using ControlPolicy policy = Categorical(observations: 2, choices: 3);
        float[] bias = [0f, 1f, -30f];
        policy.Store.Find("actor.4.weight")!.Value.Clear();
        policy.Store.Find("actor.4.bias")!.Value.CopyFrom<float>(bias);
        policy.Store.Touch();
        float[] actions = Draw(policy, new float[2 * Rows], Rows, seed: 2, step: 0);
        double share = 1 / (1 + Math.E);
        Assert.Equal(share, actions.Count(action => action == 0) / (double)Rows, 0.01);
        Assert.Equal(1 - share, actions.Count(action => action == 1) / (double)Rows, 0.01);
        float[] best = new float[1];
        policy.Act([0, 0], best);
        Assert.Equal(1, best[0]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void APolicySurvivesItsFolder(bool isDiscrete, bool isSquashedWithNoiseOfTheState)
    {
        using TemporaryFolder folder = new();
        using ControlPolicy policy = new(device, new ControlPolicyConfig
        {
            ObservationSize = 3,
            ActionSize = isDiscrete ? 1 : 2,
            Choices = isDiscrete ? 4 : 0,
            HiddenSizes = [5, 7, 9],
            NormalizesObservations = true,
            StateDependentNoise = isSquashedWithNoiseOfTheState,
            SquashesActions = isSquashedWithNoiseOfTheState,
        }, seed: 2);
        Disturb(policy);
        policy.Normalizer!.Moments.Update(Numbers(99, seed: 4));
        policy.Save(folder.Path);
        using ControlPolicy loaded = ControlPolicy.Load(folder.Path, device, trainable: false);
        float[] observations = Numbers(3 * 20, seed: 8);
        float[] expected = new float[20 * policy.Config.ActionSize], actual = new float[expected.Length];
        policy.Act(observations, expected);
        loaded.Act(observations, actual);
        Assert.Equal(Bits(expected), Bits(actual));
        Assert.All(policy.Store.Parameters.Zip(loaded.Store.Parameters),
            pair => Assert.Equal(pair.First.Value.ToArray<float>(), pair.Second.Value.ToArray<float>()));
        Assert.Equal((policy.Config.StateDependentNoise, policy.Config.SquashesActions),
            (loaded.Config.StateDependentNoise, loaded.Config.SquashesActions));
        Assert.Equal(policy.Normalizer.Moments.Variance.ToArray(), loaded.Normalizer!.Moments.Variance.ToArray());

        File.WriteAllText(folder.File(ControlPolicy.ConfigFileName), """{"schema": 1, "observation_size": 4, "action_size": 1, "choices": 2, "hidden_sizes": [5]}""");
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => ControlPolicy.Load(folder.Path, device));
        Assert.Contains("critic.0.weight", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Trained policies of Stable-Baselines3: their outputs, their returns from given starts in our environments, and the
    /// published mean and standard deviation of their returns.</summary>
    [Theory]
    [InlineData("Pendulum-v1", 1e-3, -172.225, 104.159)]
    [InlineData("CartPole-v1", 0, 500, 0)]
    [InlineData("MountainCarContinuous-v0", 1e-3, 88.343, 2.572)]
    public void StableBaselinesPoliciesReachTheirReturns(string name, double tolerance, double published, double deviation)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedFolder.Require("data/golden/sb3_policies.json")));
        JsonElement golden = document.RootElement.GetProperty("policies").GetProperty(name), forward = golden.GetProperty("forward");
        RunningMoments? moments = null;
        if (golden.TryGetProperty("obs_normalisation", out JsonElement normalisation))
        {
            double[] mean = Doubles(normalisation.GetProperty("mean"));
            moments = new RunningMoments(mean.Length);
            moments.Restore(1, mean, Doubles(normalisation.GetProperty("var")));
        }

        IEnvironment task = ControlTasks.Create(name);
        using ControlPolicy policy = ControlPolicy.LoadStableBaselines(SharedFolder.Require($"data/{golden.GetProperty("file").GetString()}"),
            device, task.Actions.IsDiscrete, moments);
        float[] inputs = Rows(forward.GetProperty("net_input")), outputs = new float[forward.GetProperty("policy_out").GetArrayLength()];
        float[] values = new float[outputs.Length];
        policy.Values(inputs, values);
        AssertClose(Doubles(forward.GetProperty("value")), values, 1e-4);
        if (!task.Actions.IsDiscrete)
        {
            policy.Act(Rows(forward.GetProperty("obs")), outputs);
            AssertClose(Doubles(forward.GetProperty("policy_out")), outputs, 1e-4);
        }

        JsonElement rollouts = golden.GetProperty("own_rollouts");
        double[] expected = Doubles(rollouts.GetProperty("first_returns"));
        for (int episode = 0; episode < expected.Length; episode++)
        {
            double[] start = Doubles(rollouts.GetProperty("first_initial_states")[episode]);
            double actual = Play(policy, (ControlTask)task, start);
            Assert.Equal(expected[episode], actual, tolerance * (1 + Math.Abs(expected[episode])));
        }

        // Within three standard errors of a mean of so many episodes.
        const int Episodes = 100;
        Evaluation score = policy.Evaluate(() => ControlTasks.Create(name), Episodes, seed: 1);
        Assert.True(Math.Abs(score.Mean - published) <= 3 * deviation / Math.Sqrt(Episodes), $"{score}, published {published} +- {deviation}");
        Assert.InRange(score.StandardDeviation, 0.5 * deviation, 1.5 * deviation);
    }

    private static double Play(ControlPolicy policy, ControlTask task, double[] start)
    {
        float[] observation = new float[task.Observations.Size], action = new float[1];
        task.ResetTo(start, observation);
        double sum = 0;
        for (bool done = false; !done;)
        {
            policy.Act(observation, action);
            task.Actions.Clip(action);
            StepResult result = task.Step(action, observation);
            sum += result.Reward;
            done = result.Done;
        }

        return sum;
    }

    private static float[] Draw(ControlPolicy policy, ReadOnlySpan<float> observations, int rows, ulong seed, ulong step)
    {
        float[] actions = new float[rows];
        policy.Sample(observations, seed, step, actions, new float[rows], new float[rows]);
        return actions;
    }

    private ControlPolicy Gaussian(int observations, int actions) =>
        new(device, new ControlPolicyConfig { ObservationSize = observations, ActionSize = actions }, seed: 1);

    private ControlPolicy Categorical(int observations, int choices) =>
        new(device, new ControlPolicyConfig { ObservationSize = observations, Choices = choices }, seed: 1);

    /// <summary>Weights far from their start, so that outputs differ from 0.</summary>
    internal static void Disturb(ControlPolicy policy)
    {
        float[] noise = Numbers((int)policy.Store.Count, seed: 77);
        float[] weights = policy.Store.Weights.ToArray<float>();
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] += 0.2f * noise[i];
        }

        policy.Store.Weights.CopyFrom<float>(weights);
        policy.Store.Touch();
    }

    private static double Length(Tensor tensor) => Math.Sqrt(tensor.ToArray<float>().Sum(value => (double)value * value));

    internal static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(4 * random.NextDouble() - 2))];
    }

    internal static uint[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToUInt32Bits)];

    private static double[] Doubles(JsonElement array) => [.. array.EnumerateArray().Select(value => value.ValueKind == JsonValueKind.Array ? value[0].GetDouble() : value.GetDouble())];

    private static float[] Rows(JsonElement rows) => [.. rows.EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(value => value.GetSingle())];

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance * (1 + Math.Abs(expected[i])));
        }
    }
}
