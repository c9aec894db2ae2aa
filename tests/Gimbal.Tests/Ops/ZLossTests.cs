using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ZLossTests : InvariantOpTests
{
    private const float Coefficient = 0.01f;

    public ZLossTests() : base(1) { }

    private ZLossTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void IsTheFormulaAndItsDerivative(int vocabulary)
    {
        float[] logits = Normal(2 * vocabulary, seed: 1, scale: 3), dlosses = [0.7f, -1.2f];
        Tensor z = From(logits, [2, vocabulary]), losses = Output([2]), lse = Output([2]), dlogits = Output([2, vocabulary]);
        Ops.CrossEntropy(z, From(0, vocabulary - 1), losses, lse);
        float[] before = losses.ToArray<float>();
        Ops.ZLoss(lse, losses, Coefficient);
        double Loss(double[] x) => Enumerable.Range(0, 2).Sum(r => dlosses[r] * Term(x[(r * vocabulary)..((r + 1) * vocabulary)]));
        double[] wide = Wide(logits);
        AssertClose([.. before.Select((l, r) => l + Term(wide[(r * vocabulary)..((r + 1) * vocabulary)]))], losses.ToArray<float>(), 1e-6, 1e-6);
        Ops.ZLossBackward(z, lse, From(dlosses), dlogits, Coefficient);
        AssertIsGradient(Loss, wide, Wide(dlogits));
    }

    [Fact]
    public void ARowWithoutWeightIsNotRead()
    {
        Tensor dlogits = Output([1, 3]);
        Ops.ZLossBackward(From([float.NaN, 1, 2], [1, 3]), From(float.NaN), From(0f), dlogits, Coefficient);
        AssertSameBits([0, 0, 0], dlogits.ToArray<float>());
    }

    protected override float[] Compute()
    {
        const int Rows = 31, Vocabulary = 1539;
        Tensor logits = Place(Normal(Rows * Vocabulary, seed: 7, scale: 5), [Rows, Vocabulary]), gradient = Output([Rows, Vocabulary]);
        Tensor losses = Place(Normal(Rows, seed: 8), [Rows]), lse = Place(Normal(Rows, seed: 9), [Rows]);
        Ops.ZLoss(lse, losses, Coefficient);
        Ops.ZLossBackward(logits, lse, Place(Normal(Rows, seed: 10), [Rows]), gradient, Coefficient);
        return [.. losses.ToArray<float>(), .. gradient.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new ZLossTests(count);

    private static double Term(double[] z)
    {
        double lse = z.Max() + Math.Log(z.Sum(v => Math.Exp(v - z.Max())));
        return Coefficient * lse * lse;
    }
}
