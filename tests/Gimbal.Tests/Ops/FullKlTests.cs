using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class FullKlTests : InvariantOpTests
{
    private const float Temperature = 0.7f;

    public FullKlTests() : base(1) { }

    private FullKlTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheFormulaAndItsDerivative(int vocabulary)
    {
        float[] z = Normal(2 * vocabulary, seed: 1, scale: 3), q = Normal(2 * vocabulary, seed: 2, scale: 2), dkl = [0.7f, -1.2f];
        (float[] kl, float[] gradient) = Run(z, q, dkl, vocabulary);
        double[][] Split(double[] x) => [.. x.Chunk(vocabulary)];
        double Loss(double[] x) => Split(x).Select((row, r) => dkl[r] * Value(row, Split(Wide(q))[r])).Sum();
        double[] formula = [.. Split(Wide(z)).SelectMany((row, r) => Derivative(row, Split(Wide(q))[r], dkl[r]))];
        AssertClose([.. Split(Wide(z)).Select((row, r) => Value(row, Split(Wide(q))[r]))], kl, 1e-6, 2e-7); // measured: at most 0.61 of it
        AssertIsGradient(Loss, Wide(z), formula);
        AssertClose(formula, gradient, 4e-5, 2e-6); // likewise, 0.65
    }

    // A mean over draws from p of log p - log q is an estimate of it.
    [Fact]
    public void TheEstimatorsOfSingleTokensMeetIt()
    {
        const int Vocabulary = 50, Draws = 200_000;
        float[] z = Normal(Vocabulary, seed: 3), q = Normal(Vocabulary, seed: 4);
        double[] p = Softmax(Wide(z)), other = Softmax(Wide(q));
        float exact = Run(z, q, [1], Vocabulary).Kl[0];
        Random random = new(5);
        double k1 = 0, k3 = 0;
        for (int i = 0; i < Draws; i++)
        {
            double u = random.NextDouble();
            int token = 0;
            while (token < Vocabulary - 1 && (u -= p[token]) > 0)
            {
                token++;
            }

            double d = Math.Log(p[token] / other[token]);
            k1 += d / Draws;
            k3 += (Math.Exp(-d) - 1 + d) / Draws;
        }

        Assert.Equal(exact, k1, 0.02);
        Assert.Equal(exact, k3, 0.02);
    }

    [Fact]
    public void EqualRowsAreExactlyZero()
    {
        float[] z = Normal(1000, seed: 6, scale: 10);
        (float[] kl, float[] gradient) = Run(z, z, [1, 1], 500);
        AssertSameBits([0, 0], kl);
        Assert.All(gradient, v => Assert.Equal(0, v));
    }

    [Fact]
    public void TokensThatThePolicyCannotSayCountForNothing()
    {
        float[] z = [1, float.NegativeInfinity, 2], q = [1, 5, 2], hole = [1, float.NegativeInfinity, 2];
        (float[] kl, float[] gradient) = Run(z, q, [1], 3);
        Assert.Equal(Value([1, -1e9, 2], Wide(q)), kl[0], 1e-6);
        Assert.Equal(0, gradient[1]);
        AssertSameBits([0], Run(z, hole, [1], 3).Kl);
        Assert.Equal(float.PositiveInfinity, Run([1, 0, 2], hole, [1], 3).Kl[0]);
        Assert.True(float.IsNaN(Run([1, float.NaN, 2], q, [1], 3).Kl[0]));
    }

    [Fact]
    public void ARowWithoutWeightIsNotReadAndTheGradientMayStandInTheReferencesPlace()
    {
        const int Vocabulary = 777;
        float[] z = Normal(2 * Vocabulary, seed: 8), q = Normal(2 * Vocabulary, seed: 9), dkl = [0.5f, 0];
        float[] apart = Run(z, q, dkl, Vocabulary).Gradient;
        Array.Fill(z, float.NaN, Vocabulary, Vocabulary);
        (Tensor logits, Tensor reference, Tensor lse, Tensor referenceLse) = Place(z, q, Vocabulary);
        Tensor kl = Zeros([2]);
        Ops.FullKl(logits, reference, lse, referenceLse, kl, Temperature);
        Ops.FullKlBackward(logits, reference, lse, referenceLse, kl, From(dkl), reference, Temperature);
        AssertSameBits(apart, reference.ToArray<float>());
        Assert.All(apart[Vocabulary..], v => Assert.Equal(0, v));
    }

    [Fact]
    public void ARowHasTheSameBitsAloneAndInABatch()
    {
        const int Vocabulary = 1539;
        float[] z = Normal(31 * Vocabulary, seed: 10), q = Normal(31 * Vocabulary, seed: 11);
        float all = Run(z, q, Normal(31, seed: 12), Vocabulary).Kl[17];
        Range row = (17 * Vocabulary)..(18 * Vocabulary);
        AssertSameBits([all], Run(z[row], q[row], [1], Vocabulary).Kl);
    }

    [Fact]
    public void WrongShapesAreRefused()
    {
        Tensor rows = From(1f, 2f), logits = From(new float[6], [2, 3]), narrow = From(new float[4], [2, 2]);
        Assert.Throws<ArgumentException>(() => Ops.FullKl(logits, narrow, rows, rows, rows));
        Assert.Contains("temperature", Assert.Throws<DeviceException>(() =>
            Ops.FullKl(logits, logits, rows, rows, rows, temperature: 0)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        const int Rows = 31, Vocabulary = 1539;
        float[] z = Normal(Rows * Vocabulary, seed: 13, scale: 5), q = Normal(Rows * Vocabulary, seed: 14, scale: 4);
        (float[] kl, float[] gradient) = Run(z, q, Normal(Rows, seed: 15), Vocabulary);
        return [.. kl, .. gradient];
    }

    protected override InvariantOpTests WithThreads(int count) => new FullKlTests(count);

    private (Tensor Logits, Tensor Reference, Tensor Lse, Tensor ReferenceLse) Place(float[] z, float[] q, int vocabulary)
    {
        int rows = z.Length / vocabulary;
        Tensor logits = Place(z, [rows, vocabulary]), reference = Place(q, [rows, vocabulary]);
        Tensor lse = Output([rows]), referenceLse = Output([rows]), logprob = Output([rows]), targets = From(new int[rows]);
        Ops.LogprobGather(logits, targets, logprob, default, lse, Temperature);
        Ops.LogprobGather(reference, targets, logprob, default, referenceLse, Temperature);
        return (logits, reference, lse, referenceLse);
    }

    private (float[] Kl, float[] Gradient) Run(float[] z, float[] q, float[] dkl, int vocabulary)
    {
        (Tensor logits, Tensor reference, Tensor lse, Tensor referenceLse) = Place(z, q, vocabulary);
        Tensor kl = Output([dkl.Length]), gradient = Output([dkl.Length, vocabulary]);
        Ops.FullKl(logits, reference, lse, referenceLse, kl, Temperature);
        Ops.FullKlBackward(logits, reference, lse, referenceLse, kl, Place(dkl, [dkl.Length]), gradient, Temperature);
        return (kl.ToArray<float>(), gradient.ToArray<float>());
    }

    private static double[] Softmax(double[] z)
    {
        double max = z.Max();
        double[] weights = [.. z.Select(v => Math.Exp((v - max) / Temperature))];
        double sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }

    private static double[] Derivative(double[] z, double[] q, double dkl)
    {
        double[] p = Softmax(z), other = Softmax(q);
        double kl = Value(z, q);
        return [.. p.Zip(other, (a, b) => dkl * a * (Math.Log(a / b) - kl) / Temperature)];
    }

    private static double Value(double[] z, double[] q) =>
        Softmax(z).Zip(Softmax(q), (p, other) => p == 0 ? 0 : p * Math.Log(p / other)).Sum();
}
