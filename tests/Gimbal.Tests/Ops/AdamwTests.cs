using System.Runtime.InteropServices;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class AdamwTests : InvariantOpTests
{
    private const float Beta1 = 0.9f, Beta2 = 0.999f, Epsilon = 1e-8f, Decay = 0.1f, Rate = 0.01f;

    public AdamwTests() : base(1) { }

    private AdamwTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void TenStepsAreTheFormula(int count)
    {
        int decayed = count * 2 / 3;
        float[] start = Normal(count, seed: 1);
        Tensor weights = From(start), m = Zeros([count]), v = Zeros([count]), copy = Output([count]);
        double[] w = Wide(start), first = new double[count], second = new double[count];
        for (int step = 1; step <= 10; step++)
        {
            float[] gradient = Normal(count, seed: 10 + step);
            Ops.Adamw(weights, From(gradient), m, v, copy, State(step, clip: 0.5f), decayed, Beta1, Beta2, Epsilon, Decay);
            for (int i = 0; i < count; i++)
            {
                double g = 0.5 * gradient[i];
                first[i] = Beta1 * first[i] + (1 - (double)Beta1) * g;
                second[i] = Beta2 * second[i] + (1 - (double)Beta2) * g * g;
                w[i] *= i < decayed ? 1 - (double)Rate * Decay : 1;
                w[i] -= Rate * first[i] / Correction(Beta1, step) / (Math.Sqrt(second[i] / Correction(Beta2, step)) + Epsilon);
            }

            AssertClose(w, weights.ToArray<float>(), relative: 1e-6, absolute: 2e-7);
            AssertClose(first, m.ToArray<float>(), relative: 1e-6, absolute: 1e-7);
            AssertClose(second, v.ToArray<float>(), relative: 1e-6, absolute: 0);
            AssertSameBits(weights.ToArray<float>(), copy.ToArray<float>());
        }
    }

    // The first step is the learning rate times the sign, whatever the size of the gradient.
    [Fact]
    public void TheFirstStepIsTheLearningRate()
    {
        Tensor weights = Zeros([5]), m = Zeros([5]), v = Zeros([5]);
        Ops.Adamw(weights, From(1e4f, -1e4f, 0, 1e-3f, -1), m, v, default, State(1), 0, Beta1, Beta2, Epsilon, Decay);
        AssertClose([-Rate, Rate, 0, -Rate, Rate], weights.ToArray<float>(), relative: 1.2e-5, absolute: 0);
    }

    [Fact]
    public void OnlyTheFirstElementsDecay()
    {
        Tensor weights = From([.. Enumerable.Repeat(2f, 40)], [40]), m = Zeros([40]), v = Zeros([40]);
        Ops.Adamw(weights, Zeros([40]), m, v, default, State(1), 37, Beta1, Beta2, Epsilon, Decay);
        float shrunk = 2 * (float)(1 - (double)Rate * Decay);
        AssertSameBits([.. Enumerable.Repeat(shrunk, 37), 2, 2, 2], weights.ToArray<float>());
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([3]), state = State(1);
        AssertInvalid("decay_count: wanted 0 to count, got 4",
            () => Ops.Adamw(x, x, x, x, default, state, 4, Beta1, Beta2, Epsilon, Decay));
        AssertInvalid("beta1", () => Ops.Adamw(x, x, x, x, default, state, 0, 1, Beta2, Epsilon, Decay));
        AssertInvalid("beta2", () => Ops.Adamw(x, x, x, x, default, state, 0, Beta1, -1, Epsilon, Decay));
        AssertInvalid("epsilon", () => Ops.Adamw(x, x, x, x, default, state, 0, Beta1, Beta2, float.NaN, Decay));
        AssertInvalid("weight_decay", () => Ops.Adamw(x, x, x, x, default, state, 0, Beta1, Beta2, Epsilon, float.NaN));
        AssertUnsupported("copy_dtype: wanted float32 or bfloat16, got int32",
            () => Ops.Adamw(x, x, x, x, Empty([3], DType.Int32), state, 0, Beta1, Beta2, Epsilon, Decay));
        Assert.Contains("gradients: wanted 3 dense", Assert.Throws<ArgumentException>(
            () => Ops.Adamw(x, Empty([4]), x, x, default, state, 0, Beta1, Beta2, Epsilon, Decay)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        Shape shape = [LargeCount];
        Tensor weights = Place(Normal(LargeCount, seed: 2), shape), copy = Output(shape);
        Tensor m = Place(new float[LargeCount], shape), v = Place(new float[LargeCount], shape);
        for (int step = 1; step <= 2; step++)
        {
            Ops.Adamw(weights, Place(Normal(LargeCount, seed: 2 + step), shape), m, v, copy, State(step, 0.7f), 20_001, Beta1,
                Beta2, Epsilon, Decay);
        }

        return [.. new[] { weights, m, v, copy }.SelectMany(t => t.ToArray<float>())];
    }

    protected override InvariantOpTests WithThreads(int count) => new AdamwTests(count);

    private static double Correction(float beta, int step) => 1 - Math.Pow(beta, step);

    private Tensor State(int step, float clip = 1)
    {
        StepState state = new()
        {
            LearningRate = Rate,
            BiasCorrection1 = (float)Correction(Beta1, step),
            BiasCorrection2 = (float)Correction(Beta2, step),
            ClipCoefficient = clip,
        };
        byte[] bytes = new byte[Marshal.SizeOf<StepState>()];
        MemoryMarshal.Write(bytes, state);
        return From(bytes);
    }
}
