using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// The engine's own functions against double, over every float32 that a prime stride meets. They are reached through ops
/// whose other steps are exact or counted in the bound. The errors named are the largest found over all float32 in range.
/// </summary>
public sealed class MathTests : OpTests
{
    private const int Batch = 1 << 18;

    // Measured: 0.92 ulp. PPO's gradient at A = 1 without a clip is minus the ratio, e^x.
    [Fact]
    public void ExpIsWithinOneUlp()
    {
        Tensor zero = Zeros([Batch]), minusOne = From([.. Enumerable.Repeat(-1f, Batch)], [Batch]);
        AssertWithin(1, Math.Exp, (in Tensor x, in Tensor y) => Ops.PpoClipLoss(x, zero, minusOne, default, default, y, default,
            clipLow: 1, clipHigh: float.PositiveInfinity), -87.33f, 88.72f);
    }

    [Fact]
    public void ExpKnowsTheSpecialNumbers()
    {
        float[] x = [0, -0f, float.NegativeInfinity, -1e30f, -104, 89, 1e30f, float.PositiveInfinity, float.NaN];
        Tensor y = Empty([x.Length]), minusOne = From([.. Enumerable.Repeat(-1f, x.Length)], [x.Length]);
        Ops.PpoClipLoss(From(x), Zeros(y.Shape), minusOne, default, default, y, default, clipLow: 1, clipHigh: 1);
        double infinity = double.PositiveInfinity;
        AssertClose([1, 1, 0, 0, 0, infinity, infinity, infinity, double.NaN], y.ToArray<float>(), relative: 0, absolute: 0);
    }

    // Measured: 0.96 ulp. n equal logits have the log-probability -ln n, and the sum n is exact.
    [Fact]
    public void LogOfWholeNumbersIsWithinOneUlp()
    {
        Tensor logits = Zeros([1, 8003]), logprob = Empty([1]);
        for (int n = 1; n <= 8003; n += n < 600 ? 1 : 37)
        {
            Ops.LogprobGather(logits.Columns(0, n), From(0), logprob, default, default);
            double error = ReferenceMath.Ulps(-Math.Log(n), logprob.ToArray<float>()[0]);
            Assert.True(error <= 1, $"ln {n}: {error} ulp");
        }
    }

    // Measured: 1.99 ulp. DPO's loss at beta = 1 is -ln sigmoid of the difference.
    [Fact]
    public void LogSigmoidIsWithinTwoUlps()
    {
        Tensor zero = Zeros([Batch]);
        AssertWithin(2, x => Math.Max(-x, 0) + Logarithm1(Math.Exp(-Math.Abs(x))), (in Tensor x, in Tensor y) =>
            Ops.DpoLoss(x, zero, default, default, default, y, default, default, default, beta: 1), -1e30f, 87);

        // ln(1 + t), by its series where 1 + t loses digits.
        static double Logarithm1(double t) => t < 1e-4 ? t * (1 - t * (1.0 / 2 - t * (1.0 / 3 - t / 4))) : Math.Log(1 + t);
    }

    // Measured: 1.37 ulp.
    [Fact]
    public void TanhIsWithinTwoUlps() => AssertWithin(2, Math.Tanh, Ops.Tanh, -20, 20);

    // Measured: 1.25 ulp in erf. GELU adds two roundings: x / sqrt 2 before it, which moves erf by less than 1 ulp, and
    // (1 + erf) / 2. Multiplied by x = 1 + tiny the result is Phi(x) above 0.
    [Fact]
    public void ErfIsGoodToTheLastDigitsOfGelu() => AssertWithin(4, x => x * (1 + ReferenceMath.Erf(x / Math.Sqrt(2))) / 2,
        (in Tensor x, in Tensor y) => Ops.Gelu(x, y, GeluForm.Erf), 1e-30f, 20);

    // Measured: 2.63 ulp in sigmoid; SwiGLU with up = 1 adds the product with x.
    [Fact]
    public void SigmoidIsWithinThreeUlps() => AssertWithin(3.6, x => x / (1 + Math.Exp(-x)), (in Tensor x, in Tensor y) =>
    {
        float[] gates = x.ToArray<float>(), rows = new float[2 * gates.Length];
        for (int i = 0; i < gates.Length; i++)
        {
            (rows[2 * i], rows[2 * i + 1]) = (gates[i], 1);
        }

        using Arena room = new(Device, 2 * Batch * sizeof(float) + 64);
        Tensor pairs = room.Allocate(DType.Float32, [gates.Length, 2]);
        pairs.CopyFrom<float>(rows);
        Ops.Swiglu(pairs, y);
    }, -80, 80);

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(float.PositiveInfinity, 1f)]
    [InlineData(float.NegativeInfinity, -1f)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.Epsilon, float.Epsilon)]
    public void TanhKnowsTheSpecialNumbers(float x, float expected)
    {
        Tensor y = Empty([2]);
        Ops.Tanh(From(x, -x), y);
        AssertClose([expected, -expected], y.ToArray<float>(), relative: 0, absolute: 0);
        Assert.Equal(float.IsNegative(x), float.IsNegative(y.ToArray<float>()[0]));
    }

    private delegate void Function(in Tensor x, in Tensor y);

    private void AssertWithin(double ulps, Func<double, double> reference, Function function, float lowest, float highest)
    {
        // Float32 in order of value is integer order of this key.
        static int Key(float x) => BitConverter.SingleToInt32Bits(x) is var i && i < 0 ? int.MinValue - i : i;
        static float Value(long key) => BitConverter.Int32BitsToSingle((int)(key < 0 ? int.MinValue - key : key));
        Tensor x = Empty([Batch, 1]), y = Empty([Batch, 1]);
        float[] values = new float[Batch];
        for (long key = Key(lowest); key <= Key(highest);)
        {
            for (int i = 0; i < Batch; i++, key += 709)
            {
                values[i] = Value(Math.Min(key, Key(highest)));
            }

            x.CopyFrom<float>(values);
            function(x, y);
            float[] results = y.ToArray<float>();
            for (int i = 0; i < Batch; i++)
            {
                double expected = reference(values[i]), error = ReferenceMath.Ulps(expected, results[i]);
                if (!(error <= ulps) && Math.Abs(expected) >= 1.17549435e-38)
                {
                    Assert.Fail($"f({values[i]:R}): wanted {expected:R}, got {results[i]:R}, {error} ulp");
                }
            }
        }
    }
}
