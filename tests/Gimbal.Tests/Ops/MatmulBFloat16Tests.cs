using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>Matrix products of bfloat16. CPU and CUDA devices add in orders of their own.</summary>
public abstract class MatmulBFloat16Tests(string device)
{
    public static readonly TheoryData<int, int, int> Shapes = new()
    {
        { 1, 1, 1 }, { 1, 40, 31 }, { 16, 33, 770 }, { 17, 65, 64 }, { 33, 9, 1537 }, { 70, 130, 48 }, { 5, 288, 2400 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheProduct(int m, int n, int k) => On(device =>
    {
        Problem one = new(m, n, k);
        float[] exact = one.Run(device), rounded = one.Run(device, DType.BFloat16);
        (double[] reference, double[] size) = one.Reference();
        // Measured: 6e-8 under the emulator, which rounds each addition where a tensor core cuts off.
        Assert.InRange(reference.Select((wanted, i) => Math.Abs(exact[i] - wanted) / size[i]).Max(), 0, 5e-7);
        Assert.Equal(BFloat16.Round(exact), rounded);
    });

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayoutAndAlignmentDoNotChangeBits(int m, int n, int k) => On(device =>
    {
        Problem one = new(m, n, k);
        float[] expected = one.Run(device);
        foreach (bool transA in (bool[])[false, true])
        {
            foreach (bool transB in (bool[])[false, true])
            {
                Assert.Equal(expected, one.Run(device, transA: transA, transB: transB));
                Assert.Equal(expected, one.Run(device, transA: transA, transB: transB, padding: 3, shift: 1));
            }
        }
    });

    [Theory]
    [InlineData(96, 770)]
    [InlineData(33, 1600)]
    public void ARowHasTheSameBitsAloneAndInAnyBatch(int n, int k) => On(device =>
    {
        Problem all = new(140, n, k);
        float[] expected = all.Run(device);
        foreach (int rows in (int[])[1, 2, 7, 16, 17, 64, 65])
        {
            Assert.Equal(expected.Take(rows * n), all.Rows(rows).Run(device));
        }
    });

    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    public void AccumulatesOntoC(int m) => On(device =>
    {
        Problem one = new(m, 50, 900);
        float[] first = one.Rows(m, depth: 768).Run(device, bias: false);
        float[] both = one.Rows(m, from: 768, depth: 132).Run(device, bias: false, onto: first);
        Assert.Equal(one.Run(device, bias: false), both);
    });

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AFloat32LeftSideIsRounded(int m, int n, int k) => On(device =>
    {
        Problem one = new(m, n, k);
        foreach (int shift in (int[])[0, 1])
        {
            foreach (bool transA in (bool[])[false, true])
            {
                Assert.Equal(one.Run(device), one.Run(device, transA: transA, shift: shift, padding: 2 * shift, unrounded: true));
                Assert.Equal(one.Run(device), one.Run(device, transA: transA, transB: true, unrounded: true));
            }
        }
    });

    [Fact]
    public void TheWeightsOfAHandleGiveTheSameBits() => On(device =>
    {
        foreach (int m in (int[])[3, 30])
        {
            Problem one = new(m, 70, 200);
            Assert.Equal(one.Run(device), one.Run(device, packed: true));
            Assert.Equal(one.Run(device), one.Run(device, packed: true, transB: true));
        }
    });

    protected void On(Action<Device> body) => TestDevice.On(device, () =>
    {
        using Device device = TestDevice.Open();
        body(device);
        return true;
    });

    /// <summary>A (m, k) and B (k, n) of bfloat16, and a bias (n).</summary>
    protected sealed class Problem
    {
        private readonly int m, n, k;
        private readonly float[] a, b, bias;

        public Problem(int m, int n, int k)
            : this(m, n, k, Numbers(m * k, 1), Numbers(k * n, 2), Random(n, 3)) { }

        public Problem(int m, int n, int k, float[] a, float[] b, float[] bias) =>
            (this.m, this.n, this.k, this.a, this.b, this.bias) = (m, n, k, a, b, bias);

        /// <summary>The first rows, and columns from..from+depth-1 of the depth.</summary>
        public Problem Rows(int rows, int from = 0, int depth = 0)
        {
            int columns = depth > 0 ? depth : k;
            return new(rows, n, columns, [.. Enumerable.Range(0, rows).SelectMany(i => a[(i * k + from)..(i * k + from + columns)])],
                b[(from * n)..((from + columns) * n)], bias);
        }

        /// <summary>An element as vdpbf16ps adds it: blocks of 768, in each two fused multiply-adds a step, the odd element first.</summary>
        public float Element(int i, int j)
        {
            float total = 0;
            for (int from = 0; from < k; from += 768)
            {
                float chain = 0;
                for (int p = from; p < Math.Min(k, from + 768); p += 2)
                {
                    float odd = p + 1 < k ? MultiplyAdd(a[i * k + p + 1], b[(p + 1) * n + j], chain) : chain;
                    chain = MultiplyAdd(a[i * k + p], b[p * n + j], odd);
                }

                total = from == 0 ? chain : total + chain;
            }

            return total + bias[j];
        }

        // Subnormal numbers count as 0, before and after.
        private static float MultiplyAdd(float x, float y, float sum)
        {
            static float Flush(float v) => MathF.Abs(v) < 1.17549435e-38f ? MathF.CopySign(0, v) : v;
            return Flush(MathF.FusedMultiplyAdd(Flush(x), Flush(y), Flush(sum)));
        }

        public (double[] Product, double[] Size) Reference()
        {
            double[] product = new double[m * n], size = new double[m * n];
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    double sum = bias[j], magnitude = Math.Abs(bias[j]);
                    for (int p = 0; p < k; p++)
                    {
                        double term = (double)a[i * k + p] * b[p * n + j];
                        sum += term;
                        magnitude += Math.Abs(term);
                    }

                    product[i * n + j] = sum;
                    size[i * n + j] = magnitude;
                }
            }

            return (product, size);
        }

        /// <summary>The product, its operands stored as told: rows <paramref name="padding"/> apart, from an element on.</summary>
        public float[] Run(Device device, DType dtype = DType.Float32, bool transA = false, bool transB = false,
            int padding = 0, int shift = 0, bool bias = true, float[]? onto = null, bool packed = false, bool unrounded = false)
        {
            using Arena arena = new(device, 64 << 20);
            // Numbers a third of the way to the next bfloat16, which round back.
            float[] between = unrounded ? [.. a.Select(x => x * (1 + 1 / 768f))] : a;
            Tensor left = Place(arena, between, m, k, transA, padding, shift, unrounded ? DType.Float32 : DType.BFloat16);
            Tensor right = Place(arena, b, k, n, transB, padding, shift);
            Tensor added = default, c = arena.Allocate(dtype, [m, n]);
            if (bias)
            {
                added = arena.Allocate(DType.Float32, [n]);
                added.CopyFrom<float>(this.bias);
            }

            if (onto is not null && dtype == DType.Float32)
            {
                c.CopyFrom<float>(onto);
            }
            else if (onto is not null)
            {
                BFloat16.CopyFrom(c, onto);
            }

            if (packed)
            {
                using PackedMatrix weights = new(device, n, k, DType.BFloat16);
                weights.Update(right, transB, version: 0);
                Ops.MatmulPacked(left, weights, added, c);
                return c.ToFloats();
            }

            Ops.Matmul(left, right, added, c, transA, transB, accumulate: onto is not null);
            return c.ToFloats();
        }

        private static Tensor Place(Arena arena, float[] x, int rows, int columns, bool transposed, int padding, int shift,
            DType dtype = DType.BFloat16)
        {
            (int down, int across) = transposed ? (columns, rows) : (rows, columns);
            Tensor room = arena.Allocate(dtype, [down, across + padding]);
            float[] stored = new float[room.Count];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    stored[(transposed ? j * (across + padding) + i : i * (across + padding) + j) + shift] = x[i * columns + j];
                }
            }

            if (dtype == DType.Float32)
            {
                room.CopyFrom<float>(stored);
            }
            else
            {
                BFloat16.CopyFrom(room, stored);
            }

            return room.Columns(shift, across);
        }

        private static float[] Numbers(int count, int seed) => BFloat16.Round(Random(count, seed));

        private static float[] Random(int count, int seed)
        {
            Random random = new(seed);
            return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        }
    }
}

/// <summary>The CPU's order of additions is its instruction vdpbf16ps, on every instruction set.</summary>
public sealed class MatmulBFloat16OnCpu() : MatmulBFloat16Tests("cpu")
{
    [Theory]
    [MemberData(nameof(Shapes))]
    public void FollowsTheOrderOfAdditions(int m, int n, int k) => On(device =>
    {
        foreach (float[] scales in (float[][])[[1], [1e-19f, 3e-20f, 1], [1e-20f, 2e-19f]])
        {
            Problem one = Scaled(m, n, k, scales);
            float[] actual = one.Run(device);
            for (int trial = 0; trial < 50; trial++)
            {
                int i = trial * 7919 % m, j = trial * 104729 % n;
                Assert.Equal(BitConverter.SingleToUInt32Bits(one.Element(i, j)), BitConverter.SingleToUInt32Bits(actual[i * n + j]));
            }
        }
    });

    [Theory]
    [InlineData(300, 500, 900)]
    [InlineData(1, 3000, 800)]
    [InlineData(2000, 30, 1600)]
    public void ThreadsDoNotChangeBits(int m, int n, int k)
    {
        Problem one = new(m, n, k);
        float[] Run(int threads, DType dtype)
        {
            using Device device = Device.Open("cpu", new DeviceOptions { Threads = threads });
            return one.Run(device, dtype);
        }

        foreach (DType dtype in (DType[])[DType.Float32, DType.BFloat16])
        {
            float[] expected = Run(1, dtype);
            Assert.Equal(expected, Run(2, dtype));
            Assert.Equal(expected, Run(5, dtype));
        }
    }

    [Theory]
    [InlineData(5, 50, 300)]
    [InlineData(40, 1100, 1700)]
    public void ABFloat16SumIsRoundedOnce(int m, int n, int k) => On(device =>
    {
        Problem one = new(m, n, k);
        float[] start = BFloat16.Round(one.Run(device));
        Assert.Equal(BFloat16.Round(one.Run(device, onto: start)), one.Run(device, DType.BFloat16, onto: start));
    });

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(() =>
    {
        using Device device = TestDevice.Open();
        return
        [
            .. Scaled(13, 37, 1540, [1]).Run(device), .. Scaled(13, 37, 801, [1e-19f, 3e-20f, 1]).Run(device, DType.BFloat16),
            .. Scaled(1, 70, 70, [1e-20f, 2e-19f]).Run(device, transB: true, packed: true), .. Scaled(29, 33, 50, [1]).Run(device, transA: true, unrounded: true),
        ];
    });

    /// <summary>Some products are subnormal, if the scales are small; neighbours in depth have different ones.</summary>
    private static Problem Scaled(int m, int n, int k, float[] scales)
    {
        Random random = new(7);
        float[] Numbers(int count, Func<int, int> depth) =>
            [.. Enumerable.Range(0, count).Select(i => BFloat16.Round((random.NextSingle() * 2 - 1) * scales[depth(i) % scales.Length]))];
        return new Problem(m, n, k, Numbers(m * k, i => i % k), Numbers(k * n, i => i / n), new float[n]);
    }
}

public sealed class MatmulBFloat16OnCuda() : MatmulBFloat16Tests("cuda:0");
