using Gimbal.Tensors;

namespace Gimbal.Tests;

public class LinearLogprobTests : OpTests
{
    public LinearLogprobTests() { }

    private LinearLogprobTests(int threads) : base(threads: threads) { }

    public static readonly TheoryData<int, int, int, float> Shapes = new()
    {
        { 1, 1, 2, 1f }, { 7, 9, 31, 1f }, { 33, 32, 513, 0.7f }, { 128, 31, 33, 1f }, { 129, 8, 1025, 1.3f },
        { 300, 520, 70, 1f },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void HasTheBitsOfItsParts(int rows, int width, int vocabulary, float temperature)
    {
        Case one = new(rows, width, vocabulary);
        Tensor logits = Empty([rows, vocabulary]), hidden = From(one.Hidden, [rows, width]);
        Tensor head = From(one.Head, [vocabulary, width]), targets = From(one.Targets);
        Tensor logprob = Empty([rows]), entropy = Empty([rows]), lse = Empty([rows]);
        Ops.Matmul(hidden, head, default, logits, transB: true);
        Ops.LogprobGather(logits, targets, logprob, entropy, lse, temperature);
        float[] expected = [.. logprob.ToArray<float>(), .. entropy.ToArray<float>(), .. lse.ToArray<float>()];
        AssertSameBits(expected, Forward(one, temperature));
        AssertSameBits(expected, Forward(one, temperature, packed: true));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void GradientsAreThoseOfItsParts(int rows, int width, int vocabulary, float temperature)
    {
        Case one = new(rows, width, vocabulary);
        (float[] dhidden, float[] dhead) = Backward(one, temperature);
        (double[] wantedHidden, double[] wantedHead) = one.Reference(temperature);
        AssertClose(wantedHidden, dhidden, 1e-4, 2e-5); // measured: 3e-6
        AssertClose(wantedHead, dhead, 1e-4, 2e-5);
        (float[] packedHidden, float[] packedHead) = Backward(one, temperature, packed: true);
        AssertSameBits(dhidden, packedHidden);
        AssertSameBits(dhead, packedHead);
    }

    [Fact]
    public void RowsLeftOutAreNotRead()
    {
        Case one = new(200, 20, 50), spoiled = new(200, 20, 50);
        for (int r = 0; r < 200; r++)
        {
            if (one.Targets[r] < 0)
            {
                spoiled.Hidden.AsSpan(r * 20, 20).Fill(float.NaN);
            }
        }

        AssertSameBits(Forward(one, 1), Forward(spoiled, 1));
        AssertSameBits(Backward(one, 1).Dhidden, Backward(spoiled, 1).Dhidden);
        AssertSameBits(Backward(one, 1).Dhead, Backward(spoiled, 1).Dhead);
    }

    [Fact]
    public void TheHeadGradientIsAdded()
    {
        Case one = new(40, 16, 60);
        (Tensor hidden, Tensor head) = (From(one.Hidden, [40, 16]), From(one.Head, [60, 16]));
        float[] start = Normal(60 * 16, seed: 9);
        Tensor lse = Zeros([40]), dhidden = Empty([40, 16]), dhead = From(start, [60, 16]);
        Tensor nothing = Zeros([40]);
        UseWorkspace(40, 16, 60);
        Ops.LinearLogprobBackward(hidden, head, null, From(one.Targets), lse, default, nothing, default, dhidden, dhead);
        AssertSameBits(start, dhead.ToArray<float>());
        AssertSameBits(new float[40 * 16], dhidden.ToArray<float>());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void ThreadCountsDoNotChangeBits(int threads)
    {
        Case one = new(150, 70, 700);
        using LinearLogprobTests other = new(threads);
        AssertSameBits(Forward(one, 1), other.Forward(one, 1));
        AssertSameBits(Backward(one, 1).Dhidden, other.Backward(one, 1).Dhidden);
        AssertSameBits(Backward(one, 1).Dhead, other.Backward(one, 1).Dhead);
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new LinearLogprobTests(), tests => tests.Compute());

    private float[] Compute()
    {
        Case one = new(35, 21, 530);
        (float[] dhidden, float[] dhead) = Backward(one, 0.9f);
        return [.. Forward(one, 0.9f), .. dhidden, .. dhead];
    }

    [Fact]
    public void NamesTheWorkspaceItNeeds()
    {
        Case one = new(200, 20, 50);
        Device.SetWorkspace(Empty([100]));
        Tensor logprob = Empty([200]);
        DeviceException error = Assert.Throws<DeviceException>(() => Ops.LinearLogprob(From(one.Hidden, [200, 20]),
            From(one.Head, [50, 20]), null, From(one.Targets), logprob, default, default));
        Assert.Contains("workspace: wanted 49960 bytes, got 400", error.Message, StringComparison.Ordinal);
        Assert.Equal(4 * WorkspaceFloats(200, 20, 50), Device.WorkspaceBytes);
    }

    [Fact]
    public void RefusesATargetOutsideTheVocabulary()
    {
        Case one = new(20, 8, 50);
        one.Targets[11] = 50;
        Assert.Contains("targets[11]", Assert.Throws<DeviceException>(() => Forward(one, 1)).Message, StringComparison.Ordinal);
    }

    private void UseWorkspace(int rows, int width, int vocabulary) =>
        Device.SetWorkspace(Empty([WorkspaceFloats(rows, width, vocabulary)]));

    // A chunk of 128 rows: logits, hidden and its gradient, six numbers of each; then which rows count, chunk by chunk.
    private static int WorkspaceFloats(int rows, int width, int vocabulary) =>
        Math.Min(rows, 128) * (vocabulary + 2 * width + 6) + rows + (rows + 127) / 128;

    private float[] Forward(Case one, float temperature, bool packed = false)
    {
        int rows = one.Targets.Length;
        Tensor hidden = From(one.Hidden, [rows, one.Width]), head = From(one.Head, [one.Vocabulary, one.Width]);
        Tensor logprob = Empty([rows]), entropy = Empty([rows]), lse = Empty([rows]);
        UseWorkspace(rows, one.Width, one.Vocabulary);
        using PackedMatrix? pack = packed ? Pack(head) : null;
        Ops.LinearLogprob(hidden, packed ? default : head, pack, From(one.Targets), logprob, entropy, lse, temperature);
        return [.. logprob.ToArray<float>(), .. entropy.ToArray<float>(), .. lse.ToArray<float>()];
    }

    private (float[] Dhidden, float[] Dhead) Backward(Case one, float temperature, bool packed = false)
    {
        int rows = one.Targets.Length;
        Tensor hidden = From(one.Hidden, [rows, one.Width]), head = From(one.Head, [one.Vocabulary, one.Width]);
        Tensor logprob = Empty([rows]), entropy = Empty([rows]), lse = Empty([rows]), targets = From(one.Targets);
        Tensor dhidden = Empty([rows, one.Width]), dhead = Zeros([one.Vocabulary, one.Width]);
        UseWorkspace(rows, one.Width, one.Vocabulary);
        using PackedMatrix? pack = packed ? Pack(head) : null;
        Ops.LinearLogprob(hidden, head, pack, targets, logprob, entropy, lse, temperature);
        Ops.LinearLogprobBackward(hidden, head, pack, targets, lse, entropy, From(one.Dlogprob), From(one.Dentropy), dhidden,
            dhead, temperature);
        return (dhidden.ToArray<float>(), dhead.ToArray<float>());
    }

    private PackedMatrix Pack(in Tensor head)
    {
        PackedMatrix pack = new(Device, head.Rows, head.Width);
        pack.Update(head, transposed: true, version: 1);
        return pack;
    }

    private sealed class Case
    {
        public Case(int rows, int width, int vocabulary)
        {
            (Width, Vocabulary) = (width, vocabulary);
            Hidden = Normal(rows * width, seed: 1);
            Head = Normal(vocabulary * width, seed: 2, scale: 1 / MathF.Sqrt(width));
            Targets = [.. Enumerable.Range(0, rows).Select(r => r % 5 == 3 ? -1 : r * 7919 % vocabulary)];
            Dlogprob = Normal(rows, seed: 3);
            Dentropy = Normal(rows, seed: 4);
            for (int r = 2; r < rows; r += 9)
            {
                Dlogprob[r] = Dentropy[r] = 0;
            }
        }

        public int Width { get; }

        public int Vocabulary { get; }

        public float[] Hidden { get; }

        public float[] Head { get; }

        public int[] Targets { get; }

        public float[] Dlogprob { get; }

        public float[] Dentropy { get; }

        /// <summary>The gradients of sum_r dlogprob_r logprob_r + dentropy_r entropy_r, in double.</summary>
        public (double[] Dhidden, double[] Dhead) Reference(double temperature)
        {
            double[] dhidden = new double[Hidden.Length], dhead = new double[Head.Length], z = new double[Vocabulary];
            for (int r = 0; r < Targets.Length; r++)
            {
                if (Targets[r] < 0)
                {
                    continue;
                }

                for (int j = 0; j < Vocabulary; j++)
                {
                    z[j] = 0;
                    for (int d = 0; d < Width; d++)
                    {
                        z[j] += (double)Hidden[r * Width + d] * Head[j * Width + d] / temperature;
                    }
                }

                double maximum = z.Max(), lse = maximum + Math.Log(z.Sum(x => Math.Exp(x - maximum)));
                double entropy = lse - z.Sum(x => Math.Exp(x - lse) * x);
                for (int j = 0; j < Vocabulary; j++)
                {
                    double logP = z[j] - lse, p = Math.Exp(logP);
                    double dz = (Dlogprob[r] * ((j == Targets[r] ? 1 : 0) - p) - Dentropy[r] * p * (logP + entropy)) / temperature;
                    for (int d = 0; d < Width; d++)
                    {
                        dhidden[r * Width + d] += dz * Head[j * Width + d];
                        dhead[j * Width + d] += dz * Hidden[r * Width + d];
                    }
                }
            }

            return (dhidden, dhead);
        }
    }
}
