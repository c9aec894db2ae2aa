using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GaeTests : InvariantOpTests
{
    private const float Gamma = 0.97f, Lambda = 0.9f;

    public GaeTests() : base(1) { }

    private GaeTests(int threads) : base(threads) { }

    public static TheoryData<int, int, bool> Shapes => new(
        from rows in new[] { 1, 3, 4, 7, 16, 17, 33 }
        from steps in new[] { 1, 7, 16, 31, 32, 33, 513 }
        from flags in new[] { false, true }
        select (rows, steps, flags));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int steps, bool flags)
    {
        Rollout rollout = new(rows, steps, seed: 1, flags);
        (float[] advantages, float[] returns) = Run(rollout);
        (double[] wantedAdvantages, double[] wantedReturns) = Reference(rollout, Gamma, Lambda);
        // Measured: at most 1.6e-6 absolute.
        AssertClose(wantedAdvantages, advantages, relative: 1e-6, absolute: 3e-6);
        AssertClose(wantedReturns, returns, relative: 1e-6, absolute: 3e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void ARowHasTheSameBitsScannedOrInATile(int first)
    {
        Rollout all = new(rows: 19, steps: 77, seed: 2, flags: true), few = all.Rows(first, 2);
        (float[] advantages, float[] returns) = Run(all);
        (float[] fewAdvantages, float[] fewReturns) = Run(few);
        AssertSameBits(advantages.AsSpan(first * 77, 2 * 77), fewAdvantages);
        AssertSameBits(returns.AsSpan(first * 77, 2 * 77), fewReturns);
    }

    [Fact]
    public void LambdaZeroIsTheTemporalDifferenceAndOneTheMonteCarloReturn()
    {
        Rollout rollout = new(rows: 5, steps: 40, seed: 3, flags: false);
        (float[] zero, _) = Run(rollout, 0.9f, 0);
        (_, float[] one) = Run(rollout, 0.9f, 1);
        for (int r = 0; r < 5; r++)
        {
            double discounted = rollout.LastValues[r];
            for (int i = r * 40 + 39; i >= r * 40; i--)
            {
                double next = i == r * 40 + 39 ? rollout.LastValues[r] : rollout.Values[i + 1];
                Assert.Equal(rollout.Rewards[i] + 0.9 * next - rollout.Values[i], zero[i], 2e-6);
                discounted = rollout.Rewards[i] + 0.9 * discounted;
                Assert.Equal(discounted, one[i], 1e-5);
            }
        }
    }

    [Fact]
    public void MaskedStepsAreNotRead()
    {
        Rollout rollout = new(rows: 6, steps: 50, seed: 4, flags: true), spoiled = new(rows: 6, steps: 50, seed: 4, flags: true);
        for (int i = 0; i < spoiled.Rewards.Length; i++)
        {
            if (spoiled.Mask[i] == 0)
            {
                (spoiled.Rewards[i], spoiled.Values[i]) = (float.NaN, float.PositiveInfinity);
            }

            if (spoiled.Truncated[i] == 0)
            {
                spoiled.TruncatedValues[i] = float.NaN;
            }
        }

        (float[] advantages, float[] returns) = Run(rollout);
        (float[] spoiledAdvantages, float[] spoiledReturns) = Run(spoiled);
        AssertSameBits(advantages, spoiledAdvantages);
        AssertSameBits(returns, spoiledReturns);
    }

    [Fact]
    public void LeadingAndTrailingPaddingLeavesTheStepsAlone()
    {
        Rollout rollout = new(rows: 4, steps: 20, seed: 5, flags: false);
        (float[] expected, _) = Run(rollout);
        const int Before = 13, After = 9, Steps = Before + 20 + After;
        float[] Padded(float[] x) =>
            [.. Enumerable.Range(0, 4).SelectMany(r => new float[Before].Concat(x[(r * 20)..(r * 20 + 20)]).Concat(new float[After]))];
        Tensor advantages = Output([4, Steps]), returns = Output([4, Steps]);
        byte[] mask = [.. Padded([.. Enumerable.Repeat(1f, 80)]).Select(v => (byte)v)];
        Ops.Gae(From(Padded(rollout.Rewards), [4, Steps]), From(Padded(rollout.Values)), From(rollout.LastValues), default,
            default, default, From(mask), advantages, returns, Gamma, Lambda);
        AssertSameBits(Padded(expected), advantages.ToArray<float>());
    }

    public static TheoryData<int, int, bool> LongShapes => new(
        from shape in new[] { (3, 257), (2, 1023), (2, 1024), (3, 1025), (2, 4096), (3, 4097), (1, 9001), (2, 20_004) }
        from flags in new[] { false, true }
        select (shape.Item1, shape.Item2, flags));

    [Theory]
    [MemberData(nameof(LongShapes))]
    public void ScannedRowsAreTheFormula(int rows, int steps, bool flags)
    {
        const float LongGamma = 0.999f, LongLambda = 0.98f;
        Rollout rollout = new(rows, steps, seed: 8, flags), last = rollout.Rows(rows - 1, 1);
        float[] Scan(Rollout part) => TestDevice.OnCuda(() =>
        {
            using GaeTests tests = new();
            (float[] advantages, float[] returns) = tests.Run(part, LongGamma, LongLambda);
            return (float[])[.. advantages, .. returns];
        });
        float[] scanned = Scan(rollout), alone = Scan(last);
        (double[] advantages, double[] returns) = Reference(rollout, LongGamma, LongLambda);
        // Measured: at most 1.6e-5 absolute; the recursion of the CPU has 1.8e-5.
        AssertClose([.. advantages, .. returns], scanned, relative: 1e-6, absolute: 3e-5);
        int before = (rows - 1) * steps;
        AssertSameBits([.. scanned[before..(before + steps)], .. scanned[^steps..]], alone);
    }

    [Fact]
    public void SpansGiveTheSameBits()
    {
        Rollout rollout = new(rows: 5, steps: 33, seed: 6, flags: true);
        (float[] expected, float[] expectedReturns) = Run(rollout);
        float[] advantages = new float[5 * 33], returns = new float[5 * 33];
        bool[] Flags(byte[] x) => [.. x.Select(v => v != 0)];
        Ops.Gae(rollout.Rewards, rollout.Values, rollout.LastValues, Flags(rollout.Terminated), Flags(rollout.Truncated),
            rollout.TruncatedValues, Flags(rollout.Mask), advantages, returns, rows: 5, steps: 33, Gamma, Lambda);
        AssertSameBits(expected, advantages);
        AssertSameBits(expectedReturns, returns);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Ops.Gae(rollout.Rewards, rollout.Values, [], [], [], [],
            [], new float[7], returns, 5, 33, Gamma, Lambda));
        Assert.Contains("advantages: wanted 165 elements, got 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        Tensor x = Zeros([2, 3]), flags = Zeros([2, 3], DType.UInt8);
        AssertInvalid("truncated_values", () => Ops.Gae(x, x, default, default, flags, default, default, x, x, 1, 1));
        AssertInvalid("gamma", () => Ops.Gae(x, x, default, default, default, default, default, x, x, float.NaN, 1));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Ops.Gae(x, x, Zeros([3]), default, default, default, default, x, x, 1, 1));
        Assert.Equal("lastValues", error.ParamName);
    }

    protected override float[] Compute()
    {
        (float[] advantages, float[] returns) = Run(new Rollout(rows: 83, steps: 61, seed: 7, flags: true));
        return [.. advantages, .. returns];
    }

    protected override InvariantOpTests WithThreads(int count) => new GaeTests(count);

    private sealed class Rollout
    {
        public Rollout(int rows, int steps, int seed, bool flags)
        {
            (Count, Steps) = (rows, steps);
            Rewards = Normal(rows * steps, seed);
            Values = Normal(rows * steps, seed + 1);
            LastValues = Normal(rows, seed + 2);
            TruncatedValues = Normal(rows * steps, seed + 3);
            Random random = new(seed);
            byte[] Draw(double share) => [.. Rewards.Select(_ => (byte)(flags && random.NextDouble() < share ? 1 : 0))];
            Terminated = Draw(0.1);
            Truncated = Draw(0.1);
            Mask = [.. Draw(0.2).Select(v => (byte)(1 - v))];
        }

        private Rollout(Rollout all, int first, int rows)
        {
            (Count, Steps) = (rows, all.Steps);
            T[] Cut<T>(T[] x) => x[(first * Steps)..((first + rows) * Steps)];
            (Rewards, Values, TruncatedValues) = (Cut(all.Rewards), Cut(all.Values), Cut(all.TruncatedValues));
            (Terminated, Truncated, Mask) = (Cut(all.Terminated), Cut(all.Truncated), Cut(all.Mask));
            LastValues = all.LastValues[first..(first + rows)];
        }

        public int Count { get; }

        public int Steps { get; }

        public float[] Rewards { get; }

        public float[] Values { get; }

        public float[] LastValues { get; }

        public float[] TruncatedValues { get; }

        public byte[] Terminated { get; }

        public byte[] Truncated { get; }

        public byte[] Mask { get; }

        public Rollout Rows(int first, int rows) => new(this, first, rows);
    }

    private (float[] Advantages, float[] Returns) Run(Rollout rollout, float gamma = Gamma, float lambda = Lambda)
    {
        Shape shape = [rollout.Count, rollout.Steps];
        Tensor advantages = Output(shape), returns = Output(shape);
        Ops.Gae(Place(rollout.Rewards, shape), Place(rollout.Values, shape), Place(rollout.LastValues, [rollout.Count]),
            From(rollout.Terminated), From(rollout.Truncated), Place(rollout.TruncatedValues, shape), From(rollout.Mask),
            advantages, returns, gamma, lambda);
        return (advantages.ToArray<float>(), returns.ToArray<float>());
    }

    // Row by row over the kept steps alone.
    private static (double[] Advantages, double[] Returns) Reference(Rollout rollout, double gamma, double lambda)
    {
        double[] advantages = new double[rollout.Rewards.Length], returns = new double[rollout.Rewards.Length];
        for (int r = 0; r < rollout.Count; r++)
        {
            double nextValue = rollout.LastValues[r], nextAdvantage = 0;
            for (int i = (r + 1) * rollout.Steps - 1; i >= r * rollout.Steps; i--)
            {
                if (rollout.Mask[i] == 0)
                {
                    continue;
                }

                bool terminated = rollout.Terminated[i] != 0, truncated = rollout.Truncated[i] != 0;
                double value = terminated ? 0 : truncated ? rollout.TruncatedValues[i] : nextValue;
                double delta = rollout.Rewards[i] + gamma * value - rollout.Values[i];
                nextAdvantage = delta + (terminated || truncated ? 0 : gamma * lambda * nextAdvantage);
                nextValue = rollout.Values[i];
                advantages[i] = nextAdvantage;
                returns[i] = nextAdvantage + rollout.Values[i];
            }
        }

        return (advantages, returns);
    }
}
