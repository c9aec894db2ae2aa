using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class VectorEnvironmentTests
{
    [Fact]
    public void EndedEpisodesKeepTheirFinalObservationAndStartAgain()
    {
        using VectorEnvironment vector = new(i => new Counter(limit: i + 2, truncates: i == 1), 3, seed: 7);
        vector.Reset();
        float[] starts = vector.Observations.ToArray();
        Assert.Equal(3, starts.Distinct().Count());

        vector.Step([1, 1, 1]);
        Assert.Equal([starts[0] + 1, starts[1] + 1, starts[2] + 1], vector.Observations.ToArray());
        Assert.Equal([1f, 1f, 1f], vector.Rewards.ToArray());
        Assert.Equal([0, 0, 0], vector.Terminated.ToArray());

        vector.Step([2, 1, 1]);
        Assert.Equal([1, 0, 0], vector.Terminated.ToArray());
        Assert.Equal(starts[0] + 3, vector.FinalObservations[0]);
        Assert.NotEqual(starts[0] + 3, vector.Observations[0]);
        Assert.NotEqual(starts[0], vector.Observations[0]);
        Assert.Equal((3f, 2), (vector.EpisodeReturns[0], vector.EpisodeLengths[0]));

        vector.Step([1, 5, 1]);
        Assert.Equal([0, 0, 0], vector.Terminated.ToArray());
        Assert.Equal([0, 1, 0], vector.Truncated.ToArray());
        Assert.Equal((7f, 3), (vector.EpisodeReturns[1], vector.EpisodeLengths[1]));

        vector.Step([1, 1, 1]);
        Assert.Equal([1, 0, 1], vector.Terminated.ToArray());
        Assert.Equal((2f, 2), (vector.EpisodeReturns[0], vector.EpisodeLengths[0]));
    }

    [Fact]
    public void TerminationWinsWhenBothFlagsAreSet()
    {
        using VectorEnvironment vector = new(_ => new Counter(1, truncates: true) { TerminatesToo = true }, 1, 0);
        vector.Reset();
        vector.Step([1]);
        Assert.Equal((1, 0), (vector.Terminated[0], vector.Truncated[0]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    public void ThreadsAndRepeatsGiveTheSameBits(int threads)
    {
        float[] expected = Roll(1, 7, 300), actual = Roll(threads, 7, 300);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void SeedsAndEnvironmentsDiffer()
    {
        Assert.NotEqual(Roll(1, 7, 5), Roll(1, 8, 5));
        using VectorEnvironment vector = new(_ => new Pendulum(), 4, 1);
        vector.Reset();
        float[] first = vector.Observations.ToArray();
        Assert.Equal(12, first.Distinct().Count());
        vector.Reset();
        Assert.Equal(first, vector.Observations.ToArray());
    }

    [Fact]
    public void SavedStateContinuesAlike()
    {
        using VectorEnvironment straight = new(_ => new CartPole(), 5, 2), loaded = new(_ => new CartPole(), 5, 2);
        straight.Reset();
        float[] left = new float[5];
        for (int step = 0; step < 13; step++)
        {
            straight.Step(left);
        }

        using MemoryStream stream = new();
        straight.Save(new BinaryWriter(stream));
        stream.Position = 0;
        loaded.Load(new BinaryReader(stream));
        Assert.Equal(straight.Observations.ToArray(), loaded.Observations.ToArray());
        for (int step = 0; step < 40; step++)
        {
            straight.Step(left);
            loaded.Step(left);
            Assert.Equal(straight.Observations.ToArray(), loaded.Observations.ToArray());
            Assert.Equal(straight.Terminated.ToArray(), loaded.Terminated.ToArray());
            for (int i = 0; i < 5; i++)
            {
                Assert.True(straight.Terminated[i] == 0 || straight.EpisodeReturns[i] == loaded.EpisodeReturns[i]);
            }
        }

        stream.Position = 0;
        using VectorEnvironment other = new(_ => new CartPole(), 4, 2);
        Assert.Contains("holds 5 environments, expected 4", Assert.Throws<GimbalException>(() => other.Load(new BinaryReader(stream))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void FailingEnvironmentIsNamedAndTheTeamSurvives(int threads)
    {
        bool broken = true;
        using VectorEnvironment vector = new(i => new Faulty(() => broken && i == 3 ? throw new FormatException("sensor lost") : 1f), 4, 0, threads);
        vector.Reset();
        for (int attempt = 0; attempt < 2; attempt++)
        {
            GimbalException error = Assert.Throws<GimbalException>(() => vector.Step(new float[4]));
            Assert.Equal("environment 3 (Faulty) failed at step 1 of episode 0: sensor lost", error.Message);
        }

        broken = false;
        vector.Step(new float[4]);
        Assert.Equal(1f, vector.Rewards[3]);
    }

    [Fact]
    public void NumbersThatAreNotFiniteAreNamed()
    {
        using VectorEnvironment rewards = new(_ => new Faulty(() => float.NaN), 1, 0);
        rewards.Reset();
        Assert.Contains("environment 0 (Faulty) gave the reward NaN at step 1 of episode 0", Assert.Throws<GimbalException>(() => rewards.Step([0])).Message, StringComparison.Ordinal);
        using VectorEnvironment observations = new(_ => new Faulty(() => 1f) { Observation = float.NegativeInfinity }, 1, 0);
        observations.Reset();
        Assert.Contains("as element 0 of the observation", Assert.Throws<GimbalException>(() => observations.Step([0])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MisuseIsRefused()
    {
        using VectorEnvironment vector = new(_ => new Pendulum(), 2, 0);
        Assert.Contains("call Reset", Assert.Throws<GimbalException>(() => vector.Step([0, 0])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => vector.Step([0]));
        Assert.Contains("environment 1 has other spaces", Assert.Throws<GimbalException>(
            () => new VectorEnvironment(i => i == 0 ? new Pendulum() : new CartPole(), 2, 0)).Message, StringComparison.Ordinal);
        vector.Dispose();
        Assert.Throws<GimbalException>(() => vector.Step([0, 0]));
    }

    [Fact]
    public void StepsAllocateNothing()
    {
        using VectorEnvironment vector = new(_ => new CartPole(), 8, 0);
        vector.Reset();
        float[] actions = new float[8];
        vector.Step(actions);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 200; step++)
        {
            vector.Step(actions);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static float[] Roll(int threads, ulong seed, int steps)
    {
        using VectorEnvironment vector = new(_ => new CartPole(), 9, seed, threads);
        vector.Reset();
        List<float> seen = [];
        float[] actions = new float[9];
        for (int step = 0; step < steps; step++)
        {
            for (int i = 0; i < actions.Length; i++)
            {
                actions[i] = vector.Observations[4 * i + 2] > 0 ? 1 : 0;
            }

            vector.Step(actions);
            seen.AddRange(vector.Observations);
            seen.AddRange(vector.Rewards);
            seen.AddRange(vector.FinalObservations);
        }

        return [.. seen];
    }

    /// <summary>Adds up its actions from a start drawn from the seed; an episode has a fixed length.</summary>
    private sealed class Counter(int limit, bool truncates) : IEnvironment
    {
        private float value;
        private int steps;

        public bool TerminatesToo { get; init; }

        public Space Observations => Space.Box(1);

        public Space Actions => Space.Box(-10, 10, 1);

        public void Reset(ulong seed, Span<float> observation) =>
            (steps, value, observation[0]) = (0, seed % 1000, seed % 1000);

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            observation[0] = value += action[0];
            bool done = ++steps == limit;
            return new StepResult(action[0], done && (!truncates || TerminatesToo), done && truncates);
        }
    }

    private sealed class Faulty(Func<float> reward) : IEnvironment
    {
        public float Observation { get; init; }

        public Space Observations => Space.Box(1);

        public Space Actions => Space.Discrete(2);

        public void Reset(ulong seed, Span<float> observation) => observation[0] = 0;

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            observation[0] = Observation;
            return new StepResult(reward(), false, false);
        }
    }
}
