using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class GaussianLogprobTests : InvariantOpTests
{
    public GaussianLogprobTests() : base(1) { }

    private GaussianLogprobTests(int threads) : base(threads) { }

    public static TheoryData<int, int> Shapes =>
        new(from rows in new[] { 1, 7, 33, 1025 } from dims in new[] { 1, 2, 7, 16, 17, 33 } select (rows, dims));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheFormula(int rows, int dims)
    {
        float[] mean = Normal(rows * dims, seed: 1), actions = Normal(rows * dims, seed: 2), logStd = Normal(dims, seed: 3, scale: 0.5f);
        float[] dlogprob = Normal(rows, seed: 4), dentropy = Normal(rows, seed: 5), before = Normal(dims, seed: 6);
        Tensor logprob = Output([rows]), entropy = Output([rows]), dmean = Output([rows, dims]), dlogStd = From(before);
        Tensor mu = From(mean, [rows, dims]), a = From(actions);
        Ops.GaussianLogprob(mu, From(logStd), a, logprob, entropy);
        Ops.GaussianLogprobBackward(mu, From(logStd), a, From(dlogprob), From(dentropy), dmean, dlogStd);
        double[] x = [.. Wide(mean), .. Wide(logStd)];
        double Z(int r, int d) => ((double)actions[r * dims + d] - mean[r * dims + d]) / Math.Exp(logStd[d]);
        double[] z2 = [.. Enumerable.Range(0, rows * dims).Select(i => Math.Pow(Z(i / dims, i % dims), 2))];
        // Terms grow with z^2. Measured: at most 0.24 of the tolerances.
        double size = 1 + z2.Max() * dims;
        AssertClose([.. Enumerable.Range(0, rows).Select(r => Logprob(x, actions, r, dims))], logprob.ToArray<float>(), 1e-6,
            3e-7 * size);
        double spread = logStd.Sum(v => v + 0.5 * (1 + Math.Log(2 * Math.PI)));
        AssertClose([.. Enumerable.Repeat(spread, rows)], entropy.ToArray<float>(), 1e-6, 1e-6 * dims);
        (double[] expectedMean, double[] expectedLogStd) = Gradient(mean, logStd, actions, dlogprob, dentropy, dims);
        AssertClose(expectedMean, dmean.ToArray<float>(), 1e-6, 1e-6);
        AssertClose([.. expectedLogStd.Zip(before, (g, b) => g + b)], dlogStd.ToArray<float>(), 1e-6, 3e-7 * (rows + size));
    }

    [Fact]
    public void TheGradientIsTheDerivative()
    {
        const int Rows = 5, Dims = 3;
        float[] mean = Normal(Rows * Dims, seed: 7), actions = Normal(Rows * Dims, seed: 8), logStd = Normal(Dims, seed: 9, scale: 0.5f);
        float[] dlogprob = Normal(Rows, seed: 10), dentropy = Normal(Rows, seed: 11);
        double Total(double[] x) => Enumerable.Range(0, Rows).Sum(r =>
            dlogprob[r] * Logprob(x, actions, r, Dims) + dentropy[r] * x[^Dims..].Sum());
        (double[] dmean, double[] dlogStd) = Gradient(mean, logStd, actions, dlogprob, dentropy, Dims);
        AssertIsGradient(Total, [.. Wide(mean), .. Wide(logStd)], [.. dmean, .. dlogStd]);
    }

    [Fact]
    public void ARowHasTheSameBitsAloneAndInABatch()
    {
        float[] mean = Normal(40 * 19, seed: 12), actions = Normal(40 * 19, seed: 13), logStd = Normal(19, seed: 14);
        Tensor all = Output([40]), one = Output([1]);
        Ops.GaussianLogprob(From(mean, [40, 19]), From(logStd), From(actions), all, default);
        Ops.GaussianLogprob(From(mean[(19 * 21)..(19 * 22)], [1, 19]), From(logStd), From(actions[(19 * 21)..(19 * 22)]), one,
            default);
        AssertSameBits([all.ToArray<float>()[21]], one.ToArray<float>());
    }

    [Fact]
    public void NamesTheArgumentThatIsWrong()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Ops.GaussianLogprob(Zeros([2, 3]), Zeros([2]), Zeros([2, 3]), Zeros([2]), default));
        Assert.Equal("logStd", error.ParamName);
    }

    protected override float[] Compute()
    {
        const int Rows = 3001, Dims = 19;
        Tensor mean = Place(Normal(Rows * Dims, seed: 15), [Rows, Dims]), logStd = Place(Normal(Dims, seed: 16), [Dims]);
        Tensor actions = Place(Normal(Rows * Dims, seed: 17), [Rows, Dims]), logprob = Output([Rows]), entropy = Output([Rows]);
        Tensor dmean = Output([Rows, Dims]), dlogStd = Output([Dims]);
        Ops.GaussianLogprob(mean, logStd, actions, logprob, entropy);
        Ops.GaussianLogprobBackward(mean, logStd, actions, Place(Normal(Rows, seed: 18), [Rows]), default, dmean, dlogStd);
        return
        [
            .. logprob.ToArray<float>(), .. entropy.ToArray<float>(), .. dmean.ToArray<float>(), .. dlogStd.ToArray<float>(),
        ];
    }

    protected override InvariantOpTests WithThreads(int count) => new GaussianLogprobTests(count);

    // x: the means of all rows, then log_std.
    private static double Logprob(double[] x, float[] actions, int row, int dims) =>
        Enumerable.Range(0, dims).Sum(d =>
        {
            double logStd = x[x.Length - dims + d], z = (actions[row * dims + d] - x[row * dims + d]) / Math.Exp(logStd);
            return -0.5 * z * z - logStd - 0.5 * Math.Log(2 * Math.PI);
        });

    private static (double[] Mean, double[] LogStd) Gradient(float[] mean, float[] logStd, float[] actions, float[] dlogprob,
        float[] dentropy, int dims)
    {
        double[] dmean = new double[mean.Length], dlogStd = new double[dims];
        for (int i = 0; i < mean.Length; i++)
        {
            (int r, int d) = (i / dims, i % dims);
            double std = Math.Exp(logStd[d]), z = ((double)actions[i] - mean[i]) / std;
            dmean[i] = dlogprob[r] * z / std;
            dlogStd[d] += dlogprob[r] * (z * z - 1) + dentropy[r];
        }

        return (dmean, dlogStd);
    }
}
