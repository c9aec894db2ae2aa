using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class RopeTests : InvariantOpTests
{
    public RopeTests() : base(1) { }

    private RopeTests(int threads) : base(threads) { }

    public static TheoryData<int, int, int, int, bool> Shapes
    {
        get
        {
            TheoryData<int, int, int, int, bool> data = new();
            foreach (bool interleaved in new[] { false, true })
            {
                data.Add(1, 1, 2, 2, interleaved);
                data.Add(7, 3, 6, 6, interleaved);
                data.Add(9, 2, 34, 34, interleaved);
                data.Add(31, 4, 64, 64, interleaved);
                data.Add(33, 2, 40, 18, interleaved);
                data.Add(8, 1, 7, 0, interleaved);
                data.Add(803, 3, 66, 66, interleaved);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void IsTheRotation(int rows, int heads, int headDim, int rotary, bool interleaved)
    {
        int width = heads * headDim;
        float[] x = Normal(rows * width, seed: 1), table = Table(50, rotary);
        int[] positions = Positions(rows, 50);
        Tensor input = From(x, [rows, width]), places = From(positions), angles = From(table, [50, rotary]);
        Tensor y = Output([rows, width]), dx = Output([rows, width]);
        Ops.Rope(input, places, angles, y, heads, interleaved);
        AssertClose(Rotate(x, positions, table, heads, headDim, rotary, interleaved, 1), y.ToArray<float>(),
            relative: 1e-7, absolute: 4e-7);
        Ops.RopeBackward(input, places, angles, dx, heads, interleaved);
        AssertClose(Rotate(x, positions, table, heads, headDim, rotary, interleaved, -1), dx.ToArray<float>(),
            relative: 1e-7, absolute: 4e-7);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WorksInPlaceOnColumnsOfAWiderRow(bool interleaved)
    {
        float[] wide = Normal(5 * 40, seed: 2);
        Tensor places = From(Positions(5, 9)), angles = From(Table(9, 6), [9, 6]);
        float[] Turned(Func<Tensor, Tensor> target)
        {
            Tensor x = From(wide, [5, 40]).Columns(10, 18), y = target(x);
            Ops.Rope(x, places, angles, y, 3, interleaved);
            Tensor dense = Output([5, 18]);
            Ops.ScatterRows(y, From(0, 1, 2, 3, 4), dense);
            return dense.ToArray<float>();
        }

        AssertSameBits(Turned(_ => Output([5, 18])), Turned(x => x));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BackwardUndoesTheForward(bool interleaved)
    {
        float[] x = Normal(9 * 24, seed: 3);
        Tensor y = From(x, [9, 24]), places = From(Positions(9, 50)), angles = From(Table(50, 12), [50, 12]);
        Ops.Rope(y, places, angles, y, 2, interleaved);
        Ops.RopeBackward(y, places, angles, y, 2, interleaved);
        AssertClose(Wide(x), y.ToArray<float>(), relative: 3e-7, absolute: 6e-7);
    }

    // What the sampler computes for one token is what the trainer computes for it among others.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARowAloneHasItsBitsInABatch(bool interleaved)
    {
        int[] positions = Positions(19, 50);
        Tensor x = From(Normal(19 * 66, seed: 4), [19, 66]), angles = From(Table(50, 22), [50, 22]), y = Output([19, 66]);
        Ops.Rope(x, From(positions), angles, y, 3, interleaved);
        for (int r = 0; r < 19; r++)
        {
            Tensor alone = Output([1, 66]);
            Ops.Rope(x.RowRange(r, 1), From(positions[r]), angles, alone, 3, interleaved);
            AssertSameBits(alone.ToArray<float>(), y.RowRange(r, 1).ToArray<float>());
        }
    }

    [Fact]
    public void APositionOutsideTheTableIsNamedAndNothingIsWritten()
    {
        Tensor x = From(Normal(4, seed: 5), [2, 2]), y = Zeros([2, 2]);
        AssertOutOfRange("positions[1]: wanted 0 to 2, got 3",
            () => Ops.Rope(x, From(2, 3), From(Table(3, 2), [3, 2]), y, 1, interleaved: false));
        Assert.All(y.ToArray<float>().Skip(TestDevice.IsCpu ? 0 : 2), v => Assert.Equal(0, v)); // a GPU has written row 0
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Empty([2, 6]), places = From(0, 1);
        AssertInvalid("rotary_dim: wanted an even number up to head_dim, got 3",
            () => Ops.Rope(x, places, Empty([3, 3]), x, 1, interleaved: false));
        AssertInvalid("rotary_dim", () => Ops.Rope(x, places, Empty([3, 4]), x, 2, interleaved: false));
        AssertUnsupported("dtype: wanted float32 or bfloat16, got int32", () => Ops.Rope(Empty([2, 6], DType.Int32), places,
            Empty([3, 6]), Empty([2, 6], DType.Int32), 1, interleaved: false));
        Assert.Contains("x: wanted", Assert.Throws<ArgumentException>(
            () => Ops.Rope(x, places, Empty([3, 2]), x, 4, interleaved: false)).Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        const int Rows = 203, Heads = 3, HeadDim = 70, Rotary = 46;
        Tensor x = Place(Normal(Rows * Heads * HeadDim, seed: 6), [Rows, Heads * HeadDim]), places = From(Positions(Rows, 50));
        Tensor table = Place(Table(50, Rotary), [50, Rotary]);
        List<float> all = [];
        foreach (bool interleaved in new[] { false, true })
        {
            Tensor y = Output([Rows, Heads * HeadDim]), dx = Output([Rows, Heads * HeadDim]);
            Ops.Rope(x, places, table, y, Heads, interleaved);
            Ops.RopeBackward(x, places, table, dx, Heads, interleaved);
            all.AddRange([.. y.ToArray<float>(), .. dx.ToArray<float>()]);
        }

        return [.. all];
    }

    protected override InvariantOpTests WithThreads(int count) => new RopeTests(count);

    private static int[] Positions(int rows, int limit)
    {
        Random random = new(7);
        return [.. Enumerable.Range(0, rows).Select(_ => random.Next(limit))];
    }

    private static float[] Table(int positions, int rotary)
    {
        int half = rotary / 2;
        float[] table = new float[positions * rotary];
        for (int p = 0; p < positions; p++)
        {
            for (int i = 0; i < half; i++)
            {
                (double sine, double cosine) = Math.SinCos(p * Math.Pow(10000, -2.0 * i / rotary));
                (table[p * rotary + i], table[p * rotary + half + i]) = ((float)cosine, (float)sine);
            }
        }

        return table;
    }

    private static double[] Rotate(float[] x, int[] positions, float[] table, int heads, int headDim, int rotary,
        bool interleaved, int sign)
    {
        double[] y = Wide(x);
        int half = rotary / 2;
        for (int head = 0; head < positions.Length * heads; head++)
        {
            for (int i = 0; i < half; i++)
            {
                int angle = positions[head / heads] * rotary + i;
                int first = head * headDim + (interleaved ? 2 * i : i), second = first + (interleaved ? 1 : half);
                double cosine = table[angle], sine = sign * table[angle + half], a = x[first], b = x[second];
                (y[first], y[second]) = (a * cosine - b * sine, b * cosine + a * sine);
            }
        }

        return y;
    }
}
