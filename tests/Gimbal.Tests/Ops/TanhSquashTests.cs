using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class TanhSquashTests : InvariantOpTests
{
    public TanhSquashTests() : base(1) { }

    private TanhSquashTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(33)]
    public void IsTheChangeOfVariables(int dims)
    {
        const int Rows = 9;
        float[] x = Normal(Rows * dims, seed: 1), before = Normal(Rows, seed: 2);
        Tensor y = Output([Rows, dims]), logprob = From(before);
        Ops.TanhSquash(From(x, [Rows, dims]), y, logprob, 1e-6f);
        double Correction(int row) => Enumerable.Range(row * dims, dims).Sum(i => Math.Log(1 - Math.Pow(Math.Tanh(x[i]), 2) + 1e-6));
        AssertClose([.. x.Select(v => Math.Tanh(v))], y.ToArray<float>(), relative: 3e-7, absolute: 0);
        AssertClose([.. before.Select((b, row) => b - Correction(row))], logprob.ToArray<float>(), relative: 1e-6, absolute: 1e-5);
    }

    // A density integrates to 1: here over a grid of squashed actions of one dimension.
    [Fact]
    public void TheSquashedDensityIsADensity()
    {
        const int Points = 20_001;
        float[] actions = [.. Enumerable.Range(0, Points).Select(i => -0.9999f + 1.9998f * i / (Points - 1))];
        float[] x = [.. actions.Select(a => (float)Math.Atanh(a))];
        Tensor samples = From(x, [Points, 1]), logprob = Output([Points]);
        Ops.GaussianLogprob(Zeros([Points, 1]), From(-0.7f), samples, logprob, default);
        Ops.TanhSquash(samples, default, logprob, 0);
        Assert.Equal(1, logprob.ToArray<float>().Sum(l => Math.Exp(l)) * 1.9998 / (Points - 1), 1e-3);
    }

    [Fact]
    public void SaturatedActionsStayFinite()
    {
        Tensor logprob = From(0f);
        Ops.TanhSquash(From([1e4f, -1e4f], [1, 2]), default, logprob, 1e-6f);
        Assert.Equal(-2 * Math.Log(1e-6), logprob.ToArray<float>()[0], 1e-3);
    }

    protected override float[] Compute()
    {
        const int Rows = 2003, Dims = 19;
        Tensor y = Output([Rows, Dims]), logprob = Place(Normal(Rows, seed: 3), [Rows]);
        Ops.TanhSquash(Place(Normal(Rows * Dims, seed: 4), [Rows, Dims]), y, logprob);
        return [.. y.ToArray<float>(), .. logprob.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new TanhSquashTests(count);
}
