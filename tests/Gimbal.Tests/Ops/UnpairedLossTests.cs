using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class UnpairedLossTests : PointwiseLossTests
{
    private const float Beta = 0.6f, Shift = 0.25f;

    private UnpairedForm form = UnpairedForm.Kto;

    public UnpairedLossTests() : base(1) { }

    private UnpairedLossTests(int threads) : base(threads) { }

    [Fact]
    public void BcoIsItsFormula()
    {
        form = UnpairedForm.Bco;
        IsTheFormula(513);
        TheGradientIsTheDerivative();
    }

    [Theory]
    [InlineData(UnpairedForm.Kto, 1e4f, 0.0)]
    [InlineData(UnpairedForm.Kto, -1e4f, 1.0)]
    [InlineData(UnpairedForm.Bco, 1e4f, 0.0)]
    [InlineData(UnpairedForm.Bco, -1e4f, 6000.25)]
    public void ExtremesAreFinite(UnpairedForm form, float logRatio, double loss)
    {
        this.form = form;
        Result good = Run([[logRatio], [0f], [1f]], null);
        Assert.Equal(loss, good.Losses[0], 1e-3);
        Assert.True(float.IsFinite(good.Gradients[0][0]));
    }

    [Fact]
    public void LabelsDecideTheSide()
    {
        Tensor losses = Output([2]), gradient = Output([2]), statistics = Zeros([6], DType.Float64);
        Ops.UnpairedLoss(From(2f, 2f), From(1f, 1f), From<byte>(1, 0), default, losses, gradient, statistics, 1, 0);
        double sigmoid = 1 / (1 + Math.Exp(-1));
        AssertClose([1 - sigmoid, sigmoid], losses.ToArray<float>(), 1e-6, 0);
        AssertClose([-sigmoid * (1 - sigmoid), sigmoid * (1 - sigmoid)], gradient.ToArray<float>(), 1e-6, 0);
        Assert.Equal([2, 1, 1, 1], statistics.ToArray<double>()[2..]);
    }

    protected override float[][] Inputs(int count, int seed) =>
        [Normal(count, seed, scale: 3), Normal(count, seed + 100, scale: 3), Normal(count, seed + 200)];

    protected override Point Reference(double[] x)
    {
        bool desirable = x[2] > 0;
        double sign = desirable ? 1 : -1, reward = Beta * (x[0] - x[1]), z = sign * (reward - Shift);
        double sigmoid = 1 / (1 + Math.Exp(-z));
        (double loss, double slope) = form == UnpairedForm.Kto
            ? (1 - sigmoid, -sigmoid * (1 - sigmoid))
            : (Math.Log(1 + Math.Exp(-z)), sigmoid - 1);
        return new Point(loss, [Beta * sign * slope], [desirable ? reward : 0, desirable ? 0 : reward, desirable ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics)
    {
        byte[] labels = [.. inputs[2].ToArray<float>().Select(v => (byte)(v > 0 ? 1 : 0))];
        Ops.UnpairedLoss(inputs[0], inputs[1], From(labels), weights, losses, gradients[0], statistics, Beta, Shift, form);
    }

    protected override InvariantOpTests WithThreads(int count) => new UnpairedLossTests(count);
}
