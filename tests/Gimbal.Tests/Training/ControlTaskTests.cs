using System.Text.Json;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class ControlTaskTests
{
    [Fact]
    public void PendulumFollowsGoldenTrajectories()
    {
        // Measured largest difference: 3e-12 after 200 steps; sine differs by platform in its last bit.
        Assert.Equal(16, Follow("traj_pendulum.json", "", () => new Pendulum(), 1e-9));
    }

    [Fact]
    public void CartPoleFollowsGoldenTrajectories()
    {
        Assert.Equal(15, Follow("traj_cartpole.json", "", null, 1e-8));
    }

    [Fact]
    public void MountainCarContinuousFollowsGoldenTrajectoriesInFloat32() =>
        Assert.Equal(12, Follow("traj_mountaincar_continuous.json", "32", () => new MountainCarContinuous(), 1e-7));

    [Fact]
    public void MountainCarFollowsItsFormula()
    {
        MountainCar car = new();
        float[] observation = new float[2];
        car.ResetTo([-0.5, 0], observation);
        (double position, double velocity) = (-0.5, 0);
        for (int step = 1; step <= 200; step++)
        {
            int action = velocity < 0 ? 0 : 2;
            velocity = Math.Min(0.07, Math.Max(-0.07, velocity + (action - 1) * 0.001 - 0.0025 * Math.Cos(3 * position)));
            position = Math.Min(0.6, Math.Max(-1.2, position + velocity));
            velocity = position == -1.2 && velocity < 0 ? 0 : velocity;
            StepResult result = car.Step([action], observation);
            Assert.Equal(((float)position, (float)velocity), (observation[0], observation[1]));
            Assert.Equal(-1f, result.Reward);
            Assert.Equal(position >= 0.5, result.Terminated);
            if (result.Terminated)
            {
                Assert.InRange(step, 80, 199);
                return;
            }
        }

        Assert.Fail("pumping energy did not reach the goal");
    }

    [Fact]
    public void MountainCarStopsAtTheWall()
    {
        foreach (ControlTask car in new ControlTask[] { new MountainCar(), new MountainCarContinuous() })
        {
            car.ResetTo([-1.19, -0.07], new float[2]);
            car.Step([0], new float[2]);
            Assert.Equal(0, car.State[1]);
            Assert.Equal(-1.2, car.State[0], 1e-7);
        }
    }

    [Fact]
    public void MountainCarContinuousClipsTheForceButNotThePenalty()
    {
        MountainCarContinuous wild = new(), tame = new();
        wild.ResetTo([-0.5, 0], new float[2]);
        tame.ResetTo([-0.5, 0], new float[2]);
        Assert.Equal(-0.9f, wild.Step([3], new float[2]).Reward, 1e-6f);
        Assert.Equal(-0.1f, tame.Step([1], new float[2]).Reward, 1e-6f);
        Assert.Equal(tame.State, wild.State);
    }

    [Fact]
    public void AcrobotFollowsTheEquationsOfMotion()
    {
        Acrobot acrobot = new();
        float[] observation = new float[6];
        double[] state = [0.3, -0.2, 0.1, 0.4];
        acrobot.ResetTo(state, observation);
        for (int step = 0; step < 300; step++)
        {
            int action = step % 7 == 6 ? 1 : state[3] > 0 ? 2 : 0;
            state = AcrobotReference(state, action - 1);
            bool high = -Math.Cos(state[0]) - Math.Cos(state[0] + state[1]) > 1;
            StepResult result = acrobot.Step([action], observation);
            for (int i = 0; i < 4; i++)
            {
                Assert.Equal(state[i], acrobot.State[i], 1e-6);
            }

            Assert.Equal(
                [(float)Math.Cos(state[0]), (float)Math.Sin(state[0]), (float)Math.Cos(state[1]), (float)Math.Sin(state[1]), (float)state[2], (float)state[3]],
                observation, (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.Equal((high ? 0f : -1f, high), (result.Reward, result.Terminated));
            if (high)
            {
                Assert.True(step > 20);
                return;
            }
        }

        Assert.Fail("the energy-pumping rule did not swing the acrobot up");
    }

    [Theory]
    [InlineData("Pendulum-v1", 200)]
    [InlineData("CartPoleContinuous-v1", 500)]
    [InlineData("MountainCarContinuous-v0", 999)]
    [InlineData("MountainCar-v0", 200)]
    [InlineData("Acrobot-v1", 500)]
    public void EpisodeIsTruncatedAtItsLimitAndThenOver(string name, int limit)
    {
        ControlTask task = (ControlTask)ControlTasks.Create(name);
        float[] observation = new float[task.Observations.Size];
        task.Reset(5, observation);
        float[] idle = name is "MountainCar-v0" or "Acrobot-v1" ? [1] : [0];
        for (int step = 1; step <= limit; step++)
        {
            if (name == "CartPoleContinuous-v1")
            {
                idle[0] = Balance(observation);
            }

            StepResult result = task.Step(idle, observation);
            Assert.Equal((false, step == limit), (result.Terminated, result.Truncated));
        }

        GimbalException error = Assert.Throws<GimbalException>(() => task.Step(idle, observation));
        Assert.Contains("call Reset", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TerminationWinsOverTruncation()
    {
        CartPole task = new();
        float[] observation = new float[4];
        task.ResetTo([2.399, 10, 0, 0], observation);
        StepResult result = task.Step([1], observation);
        Assert.Equal(new StepResult(1, true, false), result);
        Assert.True(result.Done);
    }

    [Theory]
    [InlineData("Pendulum-v1", 2, -3.1416, 3.1416, -1, 1)]
    [InlineData("CartPole-v1", 4, -0.05, 0.05, -0.05, 0.05)]
    [InlineData("MountainCarContinuous-v0", 2, -0.6, -0.4, 0, 0)]
    [InlineData("MountainCar-v0", 2, -0.6, -0.4, 0, 0)]
    [InlineData("Acrobot-v1", 4, -0.1, 0.1, -0.1, 0.1)]
    public void StartsAreDrawnFromTheSeed(string name, int stateSize, double low0, double high0, double low1, double high1)
    {
        ControlTask task = (ControlTask)ControlTasks.Create(name);
        float[] first = new float[task.Observations.Size], again = new float[task.Observations.Size];
        double least = double.PositiveInfinity, greatest = double.NegativeInfinity;
        for (ulong seed = 0; seed < 200; seed++)
        {
            task.Reset(seed, first);
            Assert.Equal(stateSize, task.State.Length);
            Assert.InRange(task.State[0], low0, high0);
            Assert.InRange(task.State[1], low1, high1);
            (least, greatest) = (Math.Min(least, task.State[0]), Math.Max(greatest, task.State[0]));
            task.Reset(seed, again);
            Assert.Equal(first, again);
        }

        Assert.True(greatest - least > 0.9 * (high0 - low0), "the starts do not spread over their range");
    }

    [Theory]
    [InlineData("CartPole-v1", 2f, "action 2, expected an index from 0 to 1")]
    [InlineData("CartPole-v1", -1f, "expected an index from 0 to 1")]
    [InlineData("CartPole-v1", 0.5f, "expected an index from 0 to 1")]
    [InlineData("Acrobot-v1", float.NaN, "expected an index from 0 to 2")]
    [InlineData("Pendulum-v1", float.NaN, "not finite")]
    [InlineData("Pendulum-v1", float.PositiveInfinity, "not finite")]
    public void BadActionIsNamed(string name, float action, string expected)
    {
        IEnvironment task = ControlTasks.Create(name);
        float[] observation = new float[task.Observations.Size];
        task.Reset(0, observation);
        GimbalException error = Assert.Throws<GimbalException>(() => task.Step([action], observation));
        Assert.StartsWith(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("2 elements", Assert.Throws<GimbalException>(() => task.Step([0, 0], observation)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SavedEpisodeContinuesAlike()
    {
        foreach (string name in ControlTasks.Names)
        {
            ControlTask straight = (ControlTask)ControlTasks.Create(name), loaded = (ControlTask)ControlTasks.Create(name);
            float[] expected = new float[straight.Observations.Size], actual = new float[straight.Observations.Size];
            straight.Reset(3, expected);
            straight.Step([1], expected);
            using MemoryStream stream = new();
            straight.Save(new BinaryWriter(stream));
            stream.Position = 0;
            loaded.Load(new BinaryReader(stream));
            Assert.Equal(straight.Steps, loaded.Steps);
            Assert.Equal(straight.Step([0], expected), loaded.Step([0], actual));
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void UnknownTaskNamesTheNearest()
    {
        InvalidConfigException error = Assert.Throws<InvalidConfigException>(() => ControlTasks.Create("Cartpole-v0"));
        Assert.Equal("CartPole-v1", error.Nearest);
        Assert.Contains("Pendulum-v1", error.Message, StringComparison.Ordinal);
        Assert.All(ControlTasks.Names, name => Assert.Equal(name, ((ControlTask)ControlTasks.Create(name)).Name));
    }

    [Fact]
    public void SpacesSayWhatTheyHold()
    {
        Assert.Equal((3, 0, false), (Space.Box(3).Size, Space.Box(3).Choices, Space.Box(3).IsDiscrete));
        Assert.Equal((-1f, 2f, 1), (Space.Box(-1, 2, 1).Low, Space.Box(-1, 2, 1).High, Space.Box(-1, 2, 1).Size));
        Assert.Equal((1, 4, true), (Space.Discrete(4).Size, Space.Discrete(4).Choices, Space.Discrete(4).IsDiscrete));
        Assert.Throws<ArgumentException>(() => Space.Box(1, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Space.Discrete(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Space.Box(0));
    }

    [Fact]
    public void StepsAllocateNothing()
    {
        foreach (string name in ControlTasks.Names)
        {
            IEnvironment task = ControlTasks.Create(name);
            float[] observation = new float[task.Observations.Size], action = [0];
            task.Reset(1, observation);
            task.Step(action, observation);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (ulong episode = 0; episode < 100; episode++)
            {
                task.Reset(episode, observation);
                task.Step(action, observation);
            }

            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    /// <summary>Drives a task along every case of a file and compares states, rewards and ends; returns the number of cases.</summary>
    private static int Follow(string file, string suffix, Func<ControlTask>? make, double tolerance)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(SharedFolder.Require("data/golden/" + file)));
        int cases = 0;
        foreach (JsonElement one in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string kind = one.GetProperty("actions_kind").GetString()!;
            bool forces = kind == "force_sine";
            double[] actions = forces
                ? [.. Numbers(one.GetProperty("forces")).Select(force => force / 10)]
                : Numbers(one.GetProperty("actions" + suffix));
            JsonElement states = one.GetProperty("states" + suffix);
            ControlTask task = make?.Invoke() ?? new CartPole(continuousForce: forces);
            task.ResetTo(Numbers(one.GetProperty("initial_state")), new float[task.Observations.Size]);
            double total = 0;
            for (int step = 0; step < actions.Length; step++)
            {
                if (forces)
                {
                    Assert.Equal(10 * Math.Clamp(1.5 * Math.Sin(0.35 * step), -1, 1), 10 * actions[step], 1e-9);
                }

                (double reward, bool terminated) = task.Advance(actions[step]);
                total += reward;
                double[] expected = Numbers(states[step + 1]);
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.True(Math.Abs(expected[i] - task.State[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])),
                        $"{file}, case {cases} ({kind}), step {step}, state {i}: {task.State[i]:R} for {expected[i]:R}");
                }

                if (one.TryGetProperty("rewards" + suffix, out JsonElement rewards))
                {
                    Assert.Equal(rewards[step].GetDouble(), reward, 1e-7);
                }

                bool ends = one.TryGetProperty("terminated" + suffix, out JsonElement end) && end.GetBoolean() && step == actions.Length - 1;
                Assert.Equal(ends, terminated);
            }

            Assert.Equal(one.GetProperty("return" + suffix).GetDouble(), total, 1e-6);
            cases++;
        }

        return cases;
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetDouble())];

    private static float Balance(ReadOnlySpan<float> o) => Math.Clamp(0.5f * o[0] + o[1] + 10 * o[2] + 2 * o[3], -1, 1);

    /// <summary>
    /// The two links as M(q) q'' = b, solved by Cramer's rule, with a Runge-Kutta step of 0.2 s: the same physics as the
    /// environment's, from the Lagrangian rather than from its formulas solved for the accelerations.
    /// </summary>
    private static double[] AcrobotReference(double[] state, double torque)
    {
        double[] Slope(double[] s)
        {
            double m22 = 0.25 + 1, m12 = m22 + 0.5 * Math.Cos(s[1]), m11 = 0.25 + 1 + 1 + m22 + Math.Cos(s[1]);
            double coupling = 0.5 * Math.Sin(s[1]);
            double b1 = coupling * (2 * s[2] * s[3] + s[3] * s[3]) - 9.8 * (1.5 * Math.Sin(s[0]) + 0.5 * Math.Sin(s[0] + s[1]));
            double b2 = torque - coupling * s[2] * s[2] - 9.8 * 0.5 * Math.Sin(s[0] + s[1]);
            double determinant = m11 * m22 - m12 * m12;
            return [s[2], s[3], (b1 * m22 - m12 * b2) / determinant, (m11 * b2 - m12 * b1) / determinant];
        }

        double[] Add(double[] s, double[] k, double h) => [.. s.Zip(k, (x, dx) => x + h * dx)];
        double[] k1 = Slope(state), k2 = Slope(Add(state, k1, 0.1)), k3 = Slope(Add(state, k2, 0.1)), k4 = Slope(Add(state, k3, 0.2));
        double[] next = [.. Enumerable.Range(0, 4).Select(i => state[i] + 0.2 / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]))];
        for (int i = 0; i < 2; i++)
        {
            next[i] = Math.Atan2(Math.Sin(next[i]), Math.Cos(next[i]));
        }

        (next[2], next[3]) = (Math.Clamp(next[2], -4 * Math.PI, 4 * Math.PI), Math.Clamp(next[3], -9 * Math.PI, 9 * Math.PI));
        return next;
    }
}
