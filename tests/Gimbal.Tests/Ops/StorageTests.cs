using System.Runtime.InteropServices;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>
/// Arrays in bfloat16: an op computes in float32 and rounds what it stores once, so it writes the CPU's float32 results for
/// the same numbers, rounded.
/// </summary>
public sealed class StorageTests : OpTests
{
    private readonly bool narrow;
    private readonly HashSet<nint> halves = [];

    public StorageTests() { }

    private StorageTests(bool narrow) => this.narrow = narrow;

    /// <summary>Which of x, weight and y are bfloat16, at a width of packs and one of tails.</summary>
    public static TheoryData<bool, bool, bool, int> Norms
    {
        get
        {
            TheoryData<bool, bool, bool, int> data = [];
            for (int i = 1; i < 8; i++)
            {
                data.Add((i & 1) != 0, (i & 2) != 0, (i & 4) != 0, i % 2 == 0 ? 516 : 131);
            }

            data.Add(true, true, true, 64);
            data.Add(false, true, true, 519);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Norms))]
    public void Rmsnorm(bool x, bool weight, bool y, int width) => Check(tests =>
    {
        const int Rows = 19;
        Tensor input = tests.Stored(Normal(Rows * width, seed: 1), [Rows, width], x), w = tests.Stored(Normal(width, seed: 2), [width], weight);
        Tensor output = tests.Stored(new float[Rows * width], [Rows, width], y), rstd = tests.Zeros([Rows]);
        Tensor dx = tests.Stored(Normal(Rows * width, seed: 4), [Rows, width], x), dweight = tests.Zeros([width]);
        Ops.Rmsnorm(input, w, output, rstd, 1e-5f);
        Ops.RmsnormBackward(tests.Stored(Normal(Rows * width, seed: 3), [Rows, width], y), input, w, rstd, dx, dweight, accumulate: true);
        return tests.Read(output, rstd, dx, dweight);
    });

    [Theory]
    [MemberData(nameof(Norms))]
    public void Layernorm(bool x, bool weight, bool y, int width) => Check(tests =>
    {
        const int Rows = 19;
        Tensor input = tests.Stored(Normal(Rows * width, seed: 1), [Rows, width], x), w = tests.Stored(Normal(width, seed: 2), [width], weight);
        Tensor bias = tests.Stored(Normal(width, seed: 5), [width], weight), mean = tests.Zeros([Rows]), rstd = tests.Zeros([Rows]);
        Tensor output = tests.Stored(new float[Rows * width], [Rows, width], y), dweight = tests.Zeros([width]), dbias = tests.Zeros([width]);
        Tensor dx = tests.Stored(Normal(Rows * width, seed: 4), [Rows, width], x);
        Ops.Layernorm(input, w, bias, output, mean, rstd, 1e-5f);
        Ops.LayernormBackward(tests.Stored(Normal(Rows * width, seed: 3), [Rows, width], y), input, w, mean, rstd, dx, dweight, dbias, accumulate: true);
        return tests.Read(output, mean, rstd, dx, dweight, dbias);
    });

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, true, true)]
    public void Add(bool a, bool b, bool y) => Check(tests =>
    {
        Tensor sum = tests.Stored(new float[1003], [1003], y);
        Ops.Add(tests.Stored(Normal(1003, seed: 1), [1003], a), tests.Stored(Normal(1003, seed: 2), [1003], b), sum);
        return tests.Read(sum);
    });

    [Theory]
    [InlineData(36)]
    [InlineData(33)]
    public void Swiglu(int width) => Check(tests =>
    {
        const int Rows = 41;
        Tensor x = tests.Stored(Normal(Rows * 2 * width, seed: 1, scale: 3), [Rows, 2 * width]);
        Tensor y = tests.Stored(new float[Rows * width], [Rows, width]), dx = tests.Stored(new float[Rows * 2 * width], [Rows, 2 * width]);
        Ops.Swiglu(x, y);
        Ops.SwigluBackward(tests.Stored(Normal(Rows * width, seed: 2), [Rows, width]), x, dx);
        return tests.Read(y, dx);
    });

    [Theory]
    [InlineData(GeluForm.Tanh)]
    [InlineData(GeluForm.Erf)]
    public void Gelu(GeluForm form) => Check(tests =>
    {
        Tensor x = tests.Stored(Normal(1003, seed: 1, scale: 3), [1003]), y = tests.Stored(new float[1003], [1003]);
        Tensor dx = tests.Stored(new float[1003], [1003]);
        Ops.Gelu(x, y, form);
        Ops.GeluBackward(tests.Stored(Normal(1003, seed: 2), [1003]), x, dx, form);
        return tests.Read(y, dx);
    });

    [Fact]
    public void Tanh() => Check(tests =>
    {
        Tensor y = tests.Stored(new float[1003], [1003]), dx = tests.Stored(new float[1003], [1003]);
        Ops.Tanh(tests.Stored(Normal(1003, seed: 1, scale: 2), [1003]), y);
        Ops.TanhBackward(tests.Stored(Normal(1003, seed: 2), [1003]), tests.Stored(Normal(1003, seed: 3), [1003]), dx);
        return tests.Read(y, dx);
    });

    [Fact]
    public void ReluSquared() => Check(tests =>
    {
        Tensor x = tests.Stored(Normal(1003, seed: 1, scale: 2), [1003]), y = tests.Stored(new float[1003], [1003]);
        Tensor dx = tests.Stored(new float[1003], [1003]);
        Ops.ReluSquared(x, y);
        Ops.ReluSquaredBackward(tests.Stored(Normal(1003, seed: 2), [1003]), x, dx);
        return tests.Read(y, dx);
    });

    [Theory]
    [InlineData(5f)]
    [InlineData(0f)]
    public void Softcap(float cap) => Check(tests =>
    {
        Tensor y = tests.Stored(new float[1003], [1003]), dx = tests.Stored(new float[1003], [1003]);
        Ops.Softcap(tests.Stored(Normal(1003, seed: 1, scale: 4), [1003]), y, 1.5f, cap);
        Ops.SoftcapBackward(tests.Stored(Normal(1003, seed: 2), [1003]), tests.Stored(Normal(1003, seed: 3), [1003]), dx, 1.5f, cap);
        return tests.Read(y, dx);
    });

    [Theory]
    [InlineData(4100)]
    [InlineData(1027)]
    public void ZLossBackward(int vocabulary) => Check(tests =>
    {
        const int Rows = 5;
        Tensor dlogits = tests.Stored(new float[Rows * vocabulary], [Rows, vocabulary]);
        Ops.ZLossBackward(tests.Stored(Normal(Rows * vocabulary, seed: 1), [Rows, vocabulary]), tests.From(8f, 7.5f, 8.1f, 9, 8),
            tests.From(1f, 0, 2, -1, 0.5f), dlogits, 0.5f);
        return tests.Read(dlogits);
    });

    [Theory]
    [InlineData(64, 64, false)]
    [InlineData(64, 48, true)]
    [InlineData(70, 46, false)]
    [InlineData(70, 46, true)]
    public void Rope(int headDim, int rotary, bool interleaved) => Check(tests =>
    {
        const int Rows = 23, Heads = 3;
        Tensor x = tests.Stored(Normal(Rows * Heads * headDim, seed: 1), [Rows, Heads * headDim]);
        Tensor places = tests.From([.. Enumerable.Range(0, Rows).Select(r => r * 7 % 31)]), table = tests.From(Normal(31 * rotary, seed: 2), [31, rotary]);
        Tensor y = tests.Stored(new float[Rows * Heads * headDim], [Rows, Heads * headDim]);
        Tensor dx = tests.Stored(new float[Rows * Heads * headDim], [Rows, Heads * headDim]);
        Ops.Rope(x, places, table, y, Heads, interleaved);
        Ops.RopeBackward(x, places, table, dx, Heads, interleaved);
        return tests.Read(y, dx);
    });

    [Theory]
    [InlineData(true, false, 36)]
    [InlineData(false, true, 36)]
    [InlineData(true, true, 36)]
    [InlineData(true, true, 33)]
    public void Embedding(bool table, bool y, int width) => Check(tests =>
    {
        const int Rows = 40, Vocabulary = 9;
        Tensor ids = tests.From([.. Enumerable.Range(0, Rows).Select(r => r * r % Vocabulary)]);
        Tensor rows = tests.Stored(new float[Rows * width], [Rows, width], y), dtable = tests.From(Normal(Vocabulary * width, seed: 1), [Vocabulary, width]);
        Ops.Embedding(tests.Stored(Normal(Vocabulary * width, seed: 2), [Vocabulary, width], table), ids, rows);
        Ops.EmbeddingBackward(tests.Stored(Normal(Rows * width, seed: 3), [Rows, width], y), ids, dtable);
        return tests.Read(rows, dtable);
    });

    [Theory]
    [InlineData(true, false, 36)]
    [InlineData(false, true, 36)]
    [InlineData(true, true, 36)]
    [InlineData(true, true, 33)]
    public void ScatterRows(bool x, bool y, int width) => Check(tests =>
    {
        Tensor rows = tests.Stored(Normal(5 * width, seed: 1), [5, width], x), target = tests.Stored(new float[7 * width], [7, width], y);
        Ops.ScatterRows(rows, tests.From(6, -1, 0, 3, 2), target);
        return tests.Read(target);
    });

    [Theory]
    [InlineData(36)]
    [InlineData(33)]
    public void SumRows(int width) => Check(tests =>
    {
        Tensor sums = tests.From(Normal(width, seed: 1));
        Ops.SumRows(tests.Stored(Normal(300 * width, seed: 2), [300, width]), sums, accumulate: true);
        return tests.Read(sums);
    });

    [Theory]
    [InlineData(136)]
    [InlineData(257)]
    public void AttentionOfWideHeads(int headDim) => Check(tests =>
    {
        const int Length = 70, Heads = 4, KeyHeads = 2;
        Tensor q = tests.Stored(Normal(Length * Heads * headDim, seed: 1), [Length, Heads * headDim]), starts = tests.From(0, Length);
        Tensor k = tests.Stored(Normal(Length * KeyHeads * headDim, seed: 2), [Length, KeyHeads * headDim]);
        Tensor v = tests.Stored(Normal(Length * KeyHeads * headDim, seed: 3), [Length, KeyHeads * headDim]);
        Tensor y = tests.Stored(new float[Length * Heads * headDim], [Length, Heads * headDim]), lse = tests.Zeros([Length, Heads]);
        Tensor dq = tests.Stored(new float[Length * Heads * headDim], [Length, Heads * headDim]);
        Tensor dk = tests.Stored(new float[Length * KeyHeads * headDim], [Length, KeyHeads * headDim]);
        Tensor dv = tests.Stored(new float[Length * KeyHeads * headDim], [Length, KeyHeads * headDim]);
        Ops.Attention(q, k, v, starts, tests.From(0), tests.From(Length), default, y, lse, headDim, 1 / MathF.Sqrt(headDim));
        // The same y for both: what the forward stored is compared above, and rounded it is no longer the CPU's.
        Tensor rounded = tests.Stored(Normal(Length * Heads * headDim, seed: 4), [Length, Heads * headDim]);
        Ops.AttentionBackward(q, k, v, rounded, lse, tests.Stored(Normal(Length * Heads * headDim, seed: 5), [Length, Heads * headDim]), starts,
            dq, dk, dv, headDim, 1 / MathF.Sqrt(headDim));
        return tests.Read(y, lse, dq, dk, dv);
    }, onCpu: false); // which multiplies pairs of bfloat16

    [Theory]
    [InlineData(1300)]
    [InlineData(1027)]
    public void LogprobGather(int vocabulary) => Check(tests =>
    {
        const int Rows = 9;
        Tensor logits = tests.Stored(Normal(Rows * vocabulary, seed: 1, scale: 4), [Rows, vocabulary]);
        Tensor targets = tests.From([.. Enumerable.Range(0, Rows).Select(r => r == 4 ? -1 : r * 100)]);
        Tensor logprob = tests.Zeros([Rows]), entropy = tests.Zeros([Rows]), lse = tests.Zeros([Rows]);
        Tensor dlogits = tests.Stored(new float[Rows * vocabulary], [Rows, vocabulary]);
        Ops.LogprobGather(logits, targets, logprob, entropy, lse, 0.7f);
        Ops.LogprobGatherBackward(logits, targets, lse, entropy, tests.From(Normal(Rows, seed: 2)), tests.From(Normal(Rows, seed: 3)), dlogits, 0.7f);
        return tests.Read(logprob, entropy, lse, dlogits);
    });

    [Theory]
    [InlineData(1300)]
    [InlineData(60007)]
    public void PolicyLossWithLogits(int vocabulary) => Check(tests =>
    {
        const int Rows = 3;
        Tensor logits = tests.Stored(Normal(Rows * vocabulary, seed: 1, scale: 4), [Rows, vocabulary]);
        Tensor dlogits = tests.Stored(new float[Rows * vocabulary], [Rows, vocabulary]), logprobs = tests.Zeros([Rows]), losses = tests.Zeros([Rows]);
        Ops.PolicyLossWithLogits(logits, tests.From(0, -1, vocabulary - 1), tests.From(-12f, -1, -9), default, tests.From(1f, 1, -1), default,
            tests.From(0.5f, 0, 0.3f), logprobs, default, losses, dlogits, default, new() { ClipLow = 1 }, 0.1f, 0.7f);
        return tests.Read(logprobs, losses, dlogits);
    });

    [Theory]
    [InlineData(1300, 0f)]
    [InlineData(1027, 0.1f)]
    public void CrossEntropy(int vocabulary, float smoothing) => Check(tests =>
    {
        const int Rows = 9;
        Tensor logits = tests.Stored(Normal(Rows * vocabulary, seed: 1, scale: 4), [Rows, vocabulary]);
        Tensor targets = tests.From([.. Enumerable.Range(0, Rows).Select(r => r == 4 ? -100 : r * 100)]);
        Tensor losses = tests.Zeros([Rows]), lse = tests.Zeros([Rows]), dlogits = tests.Stored(new float[Rows * vocabulary], [Rows, vocabulary]);
        Ops.CrossEntropy(logits, targets, losses, lse, smoothing);
        Ops.CrossEntropyBackward(logits, targets, lse, tests.From(Normal(Rows, seed: 2)), dlogits, smoothing);
        return tests.Read(losses, lse, dlogits);
    });

    [Fact]
    public void SampleToken() => Check(tests =>
    {
        const int Rows = 12, Vocabulary = 1100;
        StepState state = new() { Seed = 5, Step = 2 };
        Tensor tokens = tests.Empty([Rows], DType.Int32), logprob = tests.Zeros([Rows]), truncated = tests.Zeros([Rows]);
        Ops.SampleToken(tests.Stored(Normal(Rows * Vocabulary, seed: 1, scale: 3), [Rows, Vocabulary]),
            tests.From([.. Enumerable.Range(0, Rows).Select(r => (long)r)]), tests.From([.. Enumerable.Range(3, Rows)]),
            tests.From(MemoryMarshal.AsBytes(new ReadOnlySpan<StepState>(in state)).ToArray()), tokens, logprob, truncated, 0.9f, 60, 0.9f, 0.01f);
        return [.. tokens.ToArray<int>().Select(t => (float)t), .. tests.Read(logprob, truncated)];
    });

    [Fact]
    public void AdamwWritesTheCopyRounded() => Check(tests =>
    {
        const int Count = 1003;
        StepState state = new() { LearningRate = 1e-2f, BiasCorrection1 = 0.1f, BiasCorrection2 = 0.05f, ClipCoefficient = 0.5f };
        Tensor weights = tests.From(Normal(Count, seed: 1)), copy = tests.Stored(new float[Count], [Count]);
        Tensor m = tests.Zeros([Count]), v = tests.Zeros([Count]);
        Ops.Adamw(weights, tests.From(Normal(Count, seed: 2)), m, v, copy, tests.From(MemoryMarshal.AsBytes(new ReadOnlySpan<StepState>(in state)).ToArray()),
            600, 0.9f, 0.95f, 1e-8f, 0.1f);
        return tests.Read(weights, m, v, copy);
    });

    [Theory]
    [InlineData(1f, 0x3f80)]
    [InlineData(1.00390625f, 0x3f80)] // half-way: to even
    [InlineData(1.01171875f, 0x3f82)] // half-way: to even
    [InlineData(-1.0040f, 0xbf81)]
    [InlineData(float.PositiveInfinity, 0x7f80)]
    public void RoundingIsToNearestEven(float value, int bits) => Assert.Equal((ushort)bits, Rounded(value));

    private static void Check(Func<StorageTests, float[]> compute, bool onCpu = true)
    {
        float[] Run(bool narrow)
        {
            using StorageTests tests = new(narrow);
            return compute(tests);
        }

        float[] wide = TestDevice.OnCpu(() => Run(narrow: false));
        if (onCpu)
        {
            AssertSameBits(wide, TestDevice.OnCpu(() => Run(narrow: true)));
        }

        AssertSameBits(wide, TestDevice.OnCuda(() => Run(narrow: true)));
    }

    /// <summary>Every kind of number, at a width that leaves a tail: what is stored as bfloat16 is the nearest, a NaN stays one.</summary>
    [Fact]
    public void NumbersOfEveryKindAreRoundedOnce()
    {
        float[] values = Hard();
        float[] stored = TestDevice.OnCpu(() =>
        {
            using StorageTests tests = new(narrow: true);
            return tests.Rewritten(values);
        });
        Assert.All(values.Zip(stored), pair => Assert.Equal(float.IsNaN(pair.First) ? float.NaN : Widened(Rounded(pair.First)), pair.Second));
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(() =>
    {
        const int Rows = 3, Width = 53;
        using StorageTests tests = new(narrow: true);
        Tensor x = tests.Stored(Normal(Rows * Width, seed: 1), [Rows, Width]), w = tests.Stored(Normal(Width, seed: 2), [Width]);
        Tensor y = tests.Stored(new float[Rows * Width], [Rows, Width]), mean = tests.Zeros([Rows]), rstd = tests.Zeros([Rows]);
        Ops.Layernorm(x, w, w, y, mean, rstd, 1e-5f);
        Tensor logprob = tests.Zeros([Rows]), entropy = tests.Zeros([Rows]), lse = tests.Zeros([Rows]), targets = tests.From(3, -1, 52);
        Ops.LogprobGather(x, targets, logprob, entropy, lse, 0.7f);
        float[] before = tests.Read(y, mean, rstd, logprob, entropy, lse);
        Ops.LogprobGatherBackward(x, targets, lse, entropy, tests.From(Normal(Rows, seed: 3)), tests.From(Normal(Rows, seed: 4)), y, 0.7f);
        return [.. before, .. tests.Read(y), .. tests.Rewritten(Hard())];
    });

    // Halves between two numbers, subnormal ones, the largest, infinities and NaN, among ordinary ones.
    private static float[] Hard()
    {
        float[] kinds =
        [
            1.00390625f, 1.01171875f, -1.00390625f, 1e-40f, -1e-45f, 5.9e-39f, float.MaxValue, float.MinValue, float.PositiveInfinity,
            float.NegativeInfinity, float.NaN, BitConverter.UInt32BitsToSingle(0x7f800001), BitConverter.UInt32BitsToSingle(0xffffffff), 0, -0f,
        ];
        return [.. Normal(53, seed: 5).Select((x, i) => i % 3 == 0 ? kinds[i / 3 % kinds.Length] : x)];
    }

    // Through an array of bfloat16.
    private float[] Rewritten(float[] values)
    {
        Tensor stored = Stored(new float[values.Length], [1, values.Length]);
        Ops.ScatterRows(From(values, [1, values.Length]), From(0), stored);
        return Read(stored);
    }

    private static ushort Rounded(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    private static float Widened(ushort half) => BitConverter.UInt32BitsToSingle((uint)half << 16);

    /// <summary>Numbers of bfloat16, if <paramref name="half"/>, in a tensor of bfloat16 or of float32 as the run wants it.</summary>
    private Tensor Stored(float[] values, Shape shape, bool half = true)
    {
        if (!half)
        {
            return From(values, shape);
        }

        ushort[] rounded = [.. values.Select(Rounded)];
        Tensor tensor = narrow
            ? Tensor.Borrow(Device, From(MemoryMarshal.AsBytes<ushort>(rounded).ToArray()).Address, DType.BFloat16, shape)
            : From([.. rounded.Select(Widened)], shape);
        halves.Add(tensor.Address);
        return tensor;
    }

    /// <summary>All values, those of bfloat16 tensors and of their float32 stand-ins rounded.</summary>
    private float[] Read(params Tensor[] tensors) => [.. tensors.SelectMany(Read)];

    private float[] Read(Tensor tensor) => !halves.Contains(tensor.Address) ? tensor.ToArray<float>()
        : narrow ? [.. MemoryMarshal.Cast<byte, ushort>(
            Tensor.Borrow(Device, tensor.Address, DType.UInt8, [2 * tensor.Shape.Count]).ToArray<byte>()).ToArray().Select(Widened)]
        : [.. tensor.ToArray<float>().Select(v => Widened(Rounded(v)))];
}
