using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>Control problems that dynamic programming solves: classic PPO must find the same policy and the same values.</summary>
public sealed class ControlOracleTests
{
    [Fact]
    public async Task ActorAndCriticAgreeWithValueIteration()
    {
        double[] values = GridWorld.ValueIteration();
        ControlOptions options = new()
        {
            Environments = 16,
            StepsPerRollout = 64,
            TotalSteps = 150_000,
            Epochs = 4,
            Minibatches = 4,
            Gamma = GridWorld.Gamma,
            HiddenSizes = [],
            Seed = 1,
            Optimizer = new OptimizerOptions { LearningRate = 0.02f, MaxGradientNorm = 0 },
        };
        using ControlTrainer trainer = new(_ => new GridWorld(), options);
        await trainer.TrainAsync(null, TestContext.Current.CancellationToken);
        for (int cell = 0; cell < GridWorld.Cells; cell++)
        {
            float[] observation = new float[GridWorld.Cells], action = new float[1], value = new float[1];
            observation[cell] = 1;
            trainer.Policy.Act(observation, action);
            trainer.Policy.Values(observation, value);
            double regret = values[cell] - GridWorld.ActionValue(values, cell, (int)action[0]);
            Assert.True(regret < 0.01, $"cell {cell}: the action {action[0]} is worth {regret:0.000} less than the best");
            Assert.True(Math.Abs(value[0] - values[cell]) < 0.05, $"cell {cell}: critic {value[0]}, value iteration {values[cell]}");
        }
    }

    /// <summary>
    /// The world of 4 x 3 cells of Russell and Norvig: one wall, an end of +1 and one of -1, -0.04 a step; a move goes aside with
    /// probability 0.1 each way, and against a wall stays. Episodes begin anywhere.
    /// </summary>
    private sealed class GridWorld : IEnvironment
    {
        public const float Gamma = 0.95f;
        public const int Cells = 9;
        private const double Living = -0.04;

        // Cells that are neither wall nor end, then the two ends.
        private static readonly (int X, int Y)[] Places =
        [
            .. Enumerable.Range(0, 12).Select(i => (i % 4, i / 4)).Where(place => place is not ((1, 1) or (3, 0) or (3, 1))),
            (3, 0), (3, 1),
        ];

        private SplitMix64 random;
        private int cell;

        public Space Observations => Space.Box(Cells);

        public Space Actions => Space.Discrete(4);

        public static double[] ValueIteration()
        {
            double[] values = new double[Places.Length];
            for (int sweep = 0; sweep < 500; sweep++)
            {
                double[] before = [.. values];
                for (int place = 0; place < Cells; place++)
                {
                    values[place] = Enumerable.Range(0, 4).Max(action => ActionValue(before, place, action));
                }
            }

            return values;
        }

        public static double ActionValue(double[] values, int cell, int action) =>
            new[] { (0.8, action), (0.1, (action + 1) % 4), (0.1, (action + 3) % 4) }.Sum(way =>
            {
                int next = Next(cell, way.Item2);
                return way.Item1 * (Reward(next) + (next < Cells ? Gamma * values[next] : 0));
            });

        public void Reset(ulong seed, Span<float> observation)
        {
            random = new SplitMix64(seed);
            cell = random.Below(Cells);
            Observe(observation);
        }

        public StepResult Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            double slip = random.NextDouble();
            cell = Next(cell, ((int)action[0] + (slip < 0.1 ? 1 : slip < 0.2 ? 3 : 0)) % 4);
            Observe(observation);
            return new StepResult((float)Reward(cell), Terminated: cell >= Cells, Truncated: false);
        }

        private static double Reward(int next) => next < Cells ? Living : next == Cells ? 1 : -1;

        private static int Next(int cell, int direction)
        {
            (int x, int y) = Places[cell];
            (int X, int Y) next = direction switch { 0 => (x, y - 1), 1 => (x + 1, y), 2 => (x, y + 1), _ => (x - 1, y) };
            int index = Array.IndexOf(Places, next);
            return index < 0 ? cell : index;
        }

        private void Observe(Span<float> observation)
        {
            observation.Clear();
            if (cell < Cells)
            {
                observation[cell] = 1;
            }
        }
    }
}
