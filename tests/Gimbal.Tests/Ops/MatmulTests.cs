using Gimbal.Tensors;

namespace Gimbal.Tests;

public class MatmulTests : OpTests
{
    private const int Block = 512;

    public static readonly TheoryData<int, int, int> Shapes = new()
    {
        { 1, 1, 1 }, { 1, 7, 9 }, { 7, 1, 33 }, { 8, 9, 288 }, { 9, 31, 513 }, { 31, 33, 512 }, { 33, 32, 1025 },
        { 13, 47, 1537 }, { 64, 65, 2048 }, { 200, 35, 17 }, { 3, 1100, 31 }, { 25, 16, 8003 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheProduct(int m, int n, int k)
    {
        float[] a = Normal(m * k, seed: 1), b = Normal(k * n, seed: 2), bias = Normal(n, seed: 3);
        double[] reference = new double[m * n];
        double worst = 0;
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = bias[j], size = Math.Abs(bias[j]);
                float plain = 0;
                for (int p = 0; p < k; p++)
                {
                    double product = (double)a[i * k + p] * b[p * n + j];
                    sum += product;
                    size += Math.Abs(product);
                    plain += a[i * k + p] * b[p * n + j];
                }

                reference[i * n + j] = sum;
                worst = Math.Max(worst, Math.Max(Math.Abs(plain + bias[j] - sum), 6e-8 * size));
            }
        }

        // Twice the error of the plain float32 loop over the whole matrix.
        AssertClose(reference, Product(a, b, bias, m, n, k), 0, 2 * worst);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void FollowsTheOrderOfAdditions(int m, int n, int k)
    {
        float[] a = Normal(m * k, seed: 4), b = Normal(k * n, seed: 5), bias = Normal(n, seed: 6);
        float[] c = Product(a, b, bias, m, n, k);
        for (int trial = 0; trial < 50; trial++)
        {
            int i = trial * 7919 % m, j = trial * 104729 % n;
            AssertSameBits([OneElement(a, b, i, j, n, k, 0f, accumulate: false) + bias[j]], [c[i * n + j]]);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayoutsAgree(int m, int n, int k)
    {
        float[] a = Normal(m * k, seed: 7), b = Normal(k * n, seed: 8), bias = Normal(n, seed: 9);
        float[] expected = Product(a, b, bias, m, n, k);
        float[] aT = Transposed(a, m, k), bT = Transposed(b, k, n);
        AssertSameBits(expected, Product(a, bT, bias, m, n, k, transB: true));
        AssertSameBits(expected, Product(aT, b, bias, m, n, k, transA: true));
        AssertSameBits(expected, Product(aT, bT, bias, m, n, k, transA: true, transB: true));
    }

    [Theory]
    [InlineData(33, 288)]
    [InlineData(100, 1025)]
    [InlineData(1100, 513)]
    public void ARowHasTheSameBitsInAnyBatch(int n, int k)
    {
        float[] a = Normal(64 * k, seed: 10), b = Normal(k * n, seed: 11);
        float[] all = Product(a, b, null, 64, n, k);
        for (int m = 1; m < 64; m++)
        {
            AssertSameBits(all.AsSpan(0, m * n), Product(a[..(m * k)], b, null, m, n, k));
        }

        AssertSameBits(all.AsSpan(63 * n), Product(a[(63 * k)..], b, null, 1, n, k));
    }

    [Fact]
    public void AColumnHasTheSameBitsInAnyWidth()
    {
        const int M = 17, N = 70, K = 600;
        float[] a = Normal(M * K, seed: 12), bT = Normal(N * K, seed: 13);
        float[] all = Product(a, bT, null, M, N, K, transB: true);
        for (int n = 1; n < N; n++)
        {
            float[] some = Product(a, bT[..(n * K)], null, M, n, K, transB: true);
            for (int i = 0; i < M; i++)
            {
                AssertSameBits(all.AsSpan(i * N, n), some.AsSpan(i * n, n));
            }
        }
    }

    [Fact]
    public void StridesAndAlignmentDoNotChangeBits()
    {
        const int M = 9, N = 21, K = 70;
        Tensor a = Empty([M, K]), b = Empty([K, N]), c = Empty([M, N]);
        Tensor wideA = Zeros([M, K + 5]), wideB = Zeros([K, N + 3]), wideC = Zeros([M, N + 7]);
        float[] av = Normal(M * K, seed: 14), bv = Normal(K * N, seed: 15);
        a.CopyFrom<float>(av);
        b.CopyFrom<float>(bv);
        wideA.CopyFrom<float>(Widened(av, M, K, 5));
        wideB.CopyFrom<float>(Widened(bv, K, N, 3));
        Ops.Matmul(a, b, default, c);
        Ops.Matmul(wideA.Columns(3, K), wideB.Columns(2, N), default, wideC.Columns(5, N));
        float[] expected = c.ToArray<float>(), wide = wideC.ToArray<float>();
        for (int i = 0; i < M; i++)
        {
            AssertSameBits(expected.AsSpan(i * N, N), wide.AsSpan(i * (N + 7) + 5, N));
            AssertSameBits([0, 0, 0, 0, 0], wide.AsSpan(i * (N + 7), 5));
            AssertSameBits([0, 0], wide.AsSpan(i * (N + 7) + 5 + N, 2));
        }

        float[] Widened(float[] values, int rows, int width, int extra)
        {
            float[] wider = new float[rows * (width + extra)];
            for (int i = 0; i < rows; i++)
            {
                values.AsSpan(i * width, width).CopyTo(wider.AsSpan(i * (width + extra) + (extra == 5 ? 3 : 2)));
            }

            return wider;
        }
    }

    [Theory]
    [InlineData(70)]
    [InlineData(1100)]
    public void AccumulatesBlockByBlock(int k)
    {
        const int M = 5, N = 19;
        float[] a = Normal(M * k, seed: 16), b = Normal(k * N, seed: 17), start = Normal(M * N, seed: 18, scale: 10);
        Tensor c = From(start, [M, N]);
        Ops.Matmul(From(a, [M, k]), From(b, [k, N]), default, c, accumulate: true);
        float[] actual = c.ToArray<float>();
        for (int i = 0; i < M; i++)
        {
            for (int j = 0; j < N; j++)
            {
                float expected = OneElement(a, b, i, j, N, k, start[i * N + j], accumulate: true);
                AssertSameBits([expected], [actual[i * N + j]]);
            }
        }
    }

    [Fact]
    public void AnEmptySumIsTheBias()
    {
        float[] bias = Normal(35, seed: 19), start = Normal(3 * 35, seed: 20);
        Tensor c = From(start, [3, 35]), none = Empty([3, 0]), nothing = Empty([0, 35]);
        Ops.Matmul(none, nothing, From(bias), c, accumulate: true);
        AssertSameBits([.. start.Select((v, i) => v + bias[i % 35])], c.ToArray<float>());
        Ops.Matmul(none, nothing, From(bias), c);
        AssertSameBits([.. bias, .. bias, .. bias], c.ToArray<float>());
        Ops.Matmul(none, nothing, default, c);
        AssertSameBits(new float[3 * 35], c.ToArray<float>());
        Ops.Matmul(Empty([0, 4]), Empty([4, 35]), default, Empty([0, 35]));
        Ops.Matmul(Empty([4, 4]), Empty([4, 0]), default, Empty([4, 0]));
    }

    [Theory]
    [InlineData(300, 500, 520)]
    [InlineData(1, 3000, 600)]
    [InlineData(2000, 30, 600)]
    public void ThreadCountsDoNotChangeBits(int m, int n, int k)
    {
        float[] a = Normal(m * k, seed: 21), b = Normal(k * n, seed: 22);
        float[] expected = Product(a, b, null, m, n, k);
        foreach (int threads in (int[])[2, 3, 5])
        {
            using MatmulTests other = new(threads);
            AssertSameBits(expected, other.Product(a, b, null, m, n, k));
        }
    }

    [Fact]
    public void InstructionSetsAgree() => InstructionSets.AssertSameBits(Compute);

    [Fact]
    public void DevicesAgree() => AssertDevicesAgree(() => new MatmulTests(), tests => tests.Compute());

    private float[] Compute() =>
    [
        .. Product(Normal(13 * 1030, seed: 23), Normal(1030 * 37, seed: 24), Normal(37, seed: 25), 13, 37, 1030),
        .. Product(Normal(1 * 70, seed: 26), Normal(70 * 133, seed: 27), null, 1, 133, 70, transB: true),
        .. Product(Normal(29 * 50, seed: 28), Normal(50 * 33, seed: 29), null, 29, 33, 50, transA: true),
    ];

    [Fact]
    public void NamesWhatDoesNotFit()
    {
        ArgumentException error =
            Assert.Throws<ArgumentException>(() => Ops.Matmul(Empty([3, 4]), Empty([5, 6]), default, Empty([3, 6])));
        Assert.Contains("b: wanted (4, 6), got Float32 (5, 6)", error.Message, StringComparison.Ordinal);
        DeviceException unsupported = Assert.Throws<DeviceException>(() =>
            Ops.Matmul(Empty([3, 4], DType.BFloat16), Empty([4, 6]), default, Empty([3, 6])));
        Assert.Contains("a_dtype", unsupported.Message, StringComparison.Ordinal);
    }

    public MatmulTests() { }

    private MatmulTests(int threads) : base(threads: threads) { }

    private float[] Product(float[] a, float[] b, float[]? bias, int m, int n, int k, bool transA = false,
        bool transB = false)
    {
        using Arena memory = new(Device, 4L * ((long)m * k + (long)k * n + m * n + n) + 1024);
        Tensor left = memory.Allocate(DType.Float32, transA ? [k, m] : [m, k]);
        Tensor right = memory.Allocate(DType.Float32, transB ? [n, k] : [k, n]);
        Tensor c = memory.Allocate(DType.Float32, [m, n]), added = default;
        left.CopyFrom<float>(a);
        right.CopyFrom<float>(b);
        if (bias is not null)
        {
            added = memory.Allocate(DType.Float32, [n]);
            added.CopyFrom<float>(bias);
        }

        Ops.Matmul(left, right, added, c, transA, transB);
        return c.ToArray<float>();
    }

    // The order that gimbal.h promises: chains of 512 from 0, then their sum in order.
    private static float OneElement(float[] a, float[] b, int i, int j, int n, int k, float start, bool accumulate)
    {
        float total = start;
        for (int from = 0; from < k; from += Block)
        {
            float chain = 0;
            for (int p = from; p < Math.Min(k, from + Block); p++)
            {
                chain = MathF.FusedMultiplyAdd(a[i * k + p], b[p * n + j], chain);
            }

            total = from == 0 && !accumulate ? chain : total + chain;
        }

        return total;
    }

    private static float[] Transposed(float[] x, int rows, int columns)
    {
        float[] y = new float[x.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                y[j * rows + i] = x[i * columns + j];
            }
        }

        return y;
    }
}
