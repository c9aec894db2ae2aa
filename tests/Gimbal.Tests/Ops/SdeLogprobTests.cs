using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class SdeLogprobTests : InvariantOpTests
{
    private const float Epsilon = 1e-6f;

    public SdeLogprobTests() : base(1) { }

    private SdeLogprobTests(int threads) : base(threads) { }

    public static TheoryData<int, int, int> Shapes =>
        new(from rows in new[] { 1, 33, 517 } from dims in new[] { 1, 2, 17 } from width in new[] { 1, 16, 33 } select (rows, dims, width));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int dims, int width)
    {
        Case data = new(rows, dims, width);
        Results actual = data.Run(this);
        (double[] logprob, double[] entropy, double[] variance) = data.Forward(Wide(data.Mean), Wide(data.LogStd));
        AssertClose(variance, actual.Variance, 2e-6, 0); // measured: 4e-7
        // Terms grow with the squared distances in deviations. Measured: at most 0.2 of the tolerances.
        double size = logprob.Max(Math.Abs);
        AssertClose(logprob, actual.Logprob, 1e-6, 1e-6 * (size + dims));
        AssertClose(entropy, actual.Entropy, 1e-6, 1e-6 * dims);
        (double[] dmean, double[] dlogStd) = data.Gradient();
        AssertClose(dmean, actual.Dmean, 3e-6, 1e-6);
        AssertClose([.. dlogStd.Zip(data.Before, (g, b) => g + b)], actual.DlogStd, 1e-6,
            2e-7 * (rows + dlogStd.Max(Math.Abs)) * Math.Sqrt(size));
    }

    [Fact]
    public void TheGradientIsTheDerivative()
    {
        Case data = new(rows: 5, dims: 3, width: 4);
        int means = data.Mean.Length;
        double Total(double[] x)
        {
            (double[] logprob, double[] entropy, _) = data.Forward(x[..means], x[means..]);
            return Enumerable.Range(0, 5).Sum(r => data.Dlogprob[r] * logprob[r] + data.Dentropy[r] * entropy[r]);
        }

        (double[] dmean, double[] dlogStd) = data.Gradient();
        AssertIsGradient(Total, [.. Wide(data.Mean), .. Wide(data.LogStd)], [.. dmean, .. dlogStd]);
    }

    // With one feature that is always 1 the deviation no longer depends on the state.
    [Fact]
    public void AConstantFeatureGivesThePlainGaussian()
    {
        const int Rows = 40, Dims = 3;
        Tensor mean = From(Normal(Rows * Dims, seed: 1), [Rows, Dims]), actions = From(Normal(Rows * Dims, seed: 2));
        Tensor logStd = From(Normal(Dims, seed: 3)), ones = From([.. Enumerable.Repeat(1f, Rows)], [Rows, 1]);
        Tensor plain = Output([Rows]), plainEntropy = Output([Rows]), logprob = Output([Rows]), entropy = Output([Rows]);
        Ops.GaussianLogprob(mean, logStd, actions, plain, plainEntropy);
        Ops.SdeLogprob(mean, ones, logStd, actions, logprob, entropy, Output([Rows, Dims]), 0);
        AssertClose(Wide(plain), logprob.ToArray<float>(), 1e-6, 3e-6); // measured: 1e-6
        AssertClose(Wide(plainEntropy), entropy.ToArray<float>(), 1e-6, 1e-6);
    }

    [Fact]
    public void FeaturesOfZeroLeaveEpsilon()
    {
        Tensor logprob = Output([1]), variance = Output([1, 1]);
        Ops.SdeLogprob(Zeros([1, 1]), Zeros([1, 8]), Zeros([1, 8]), Zeros([1, 1]), logprob, default, variance, Epsilon);
        Assert.Equal(Epsilon, variance.ToArray<float>()[0]);
        Assert.Equal(-0.5 * Math.Log(2 * Math.PI * Epsilon), logprob.ToArray<float>()[0], 1e-5);
    }

    [Fact]
    public void ARowHasTheSameBitsAloneAndInABatch()
    {
        Case all = new(rows: 40, dims: 3, width: 19), one = all.Row(21);
        Results batch = all.Run(this), alone = one.Run(this);
        AssertSameBits([batch.Logprob[21], .. batch.Variance[63..66], .. batch.Dmean[63..66]],
            [alone.Logprob[0], .. alone.Variance, .. alone.Dmean]);
    }

    /// <summary>Past 128 rows a GPU adds them in pieces, see kernels/common/column_sum_plan.h.</summary>
    [Fact]
    public void TheGradientOfManyRowsAgreesBetweenDevices() => AssertDevicesAgree(() => new SdeLogprobTests(),
        tests => new Case(rows: 700, dims: 2, width: 65, before: 1e3f).Run(tests).DlogStd, tolerance: 5e-6f);

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        Tensor mean = Zeros([2, 3]), features = Zeros([2, 4]), one = Zeros([2]), variance = Zeros([2, 3]);
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Ops.SdeLogprob(mean, features, Zeros([4, 4]), mean, one, default, variance));
        Assert.Equal("logStd", error.ParamName);
        AssertInvalid("epsilon: wanted 0 to 1e38, got -1",
            () => Ops.SdeLogprob(mean, features, Zeros([3, 4]), mean, one, default, variance, -1));
    }

    protected override float[] Compute()
    {
        Results few = new Case(rows: 101, dims: 19, width: 37).Run(this), many = new Case(rows: 3001, dims: 2, width: 19).Run(this);
        return
        [
            .. few.Logprob, .. few.Entropy, .. few.Variance, .. few.Dmean, .. few.DlogStd,
            .. many.Logprob, .. many.Entropy, .. many.Variance, .. many.Dmean,
        ];
    }

    protected override InvariantOpTests WithThreads(int count) => new SdeLogprobTests(count);

    private sealed record Results(float[] Logprob, float[] Entropy, float[] Variance, float[] Dmean, float[] DlogStd);

    /// <summary>Inputs, and the formulas in double.</summary>
    private sealed record Case(int Rows, int Dims, int Width, float[] Mean, float[] Features, float[] LogStd, float[] Actions,
        float[] Dlogprob, float[] Dentropy, float[] Before)
    {
        public Case(int rows, int dims, int width, float before = 0) : this(rows, dims, width, Normal(rows * dims, seed: 1),
            Normal(rows * width, seed: 2), Normal(dims * width, seed: 3, scale: 0.5f), Normal(rows * dims, seed: 4), Normal(rows, seed: 5),
            Normal(rows, seed: 6), [.. Normal(dims * width, seed: 7).Select(x => x + before)])
        {
        }

        public Case Row(int r) => this with
        {
            Rows = 1,
            Mean = Mean[(r * Dims)..((r + 1) * Dims)],
            Features = Features[(r * Width)..((r + 1) * Width)],
            Actions = Actions[(r * Dims)..((r + 1) * Dims)],
            Dlogprob = [Dlogprob[r]],
            Dentropy = [Dentropy[r]],
        };

        public Results Run(SdeLogprobTests tests)
        {
            Tensor mean = tests.Place(Mean, [Rows, Dims]), features = tests.Place(Features, [Rows, Width]);
            Tensor logStd = tests.Place(LogStd, [Dims, Width]), actions = tests.Place(Actions, [Rows, Dims]);
            Tensor logprob = tests.Output([Rows]), entropy = tests.Output([Rows]), variance = tests.Output([Rows, Dims]);
            Tensor dlogprob = tests.Place(Dlogprob, [Rows]), dentropy = tests.Place(Dentropy, [Rows]);
            Tensor dmean = tests.Output([Rows, Dims]), dlogStd = tests.Place(Before, [Dims, Width]);
            Ops.SdeLogprob(mean, features, logStd, actions, logprob, entropy, variance, Epsilon);
            Ops.SdeLogprobBackward(mean, features, logStd, actions, variance, dlogprob, dentropy, dmean, dlogStd);
            return new Results(logprob.ToArray<float>(), entropy.ToArray<float>(), variance.ToArray<float>(), dmean.ToArray<float>(),
                dlogStd.ToArray<float>());
        }

        public (double[] Logprob, double[] Entropy, double[] Variance) Forward(double[] mean, double[] logStd)
        {
            double Term(int at, int k) => Square(Features[at / Dims * Width + k]) * Math.Exp(2 * logStd[at % Dims * Width + k]);
            double Variance(int at) => Epsilon + Enumerable.Range(0, Width).Sum(k => Term(at, k));
            double[] variance = [.. Enumerable.Range(0, Rows * Dims).Select(Variance)];
            double[] logprobs = [.. variance.Select((v, at) => -0.5 * (Square(Actions[at] - mean[at]) / v + Math.Log(2 * Math.PI * v)))];
            double[] entropies = [.. variance.Select(v => 0.5 * (Math.Log(2 * Math.PI * v) + 1))];
            return ([.. logprobs.Chunk(Dims).Select(row => row.Sum())], [.. entropies.Chunk(Dims).Select(row => row.Sum())], variance);
        }

        public (double[] Mean, double[] LogStd) Gradient()
        {
            double[] variance = Forward(Wide(Mean), Wide(LogStd)).Variance;
            double[] dmean = new double[Mean.Length], dlogStd = new double[LogStd.Length];
            for (int at = 0; at < dmean.Length; at++)
            {
                (int r, int d) = (at / Dims, at % Dims);
                double distance = (double)Actions[at] - Mean[at], v = variance[at];
                dmean[at] = Dlogprob[r] * distance / v;
                double dv = (Dlogprob[r] * (distance * distance / v - 1) + Dentropy[r]) / (2 * v);
                for (int k = 0; k < Width; k++)
                {
                    dlogStd[d * Width + k] += dv * 2 * Square(Features[r * Width + k]) * Math.Exp(2 * LogStd[d * Width + k]);
                }
            }

            return (dmean, dlogStd);
        }

        private static double Square(double x) => x * x;
    }
}
