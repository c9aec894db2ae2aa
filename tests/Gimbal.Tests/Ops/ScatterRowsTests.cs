using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class ScatterRowsTests : InvariantOpTests
{
    public ScatterRowsTests() : base(1) { }

    private ScatterRowsTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(9, 7)]
    [InlineData(33, 32)]
    [InlineData(8003, 31)]
    public void WritesEachRowToItsPlace(int rows, int width)
    {
        float[] x = Normal(rows * width, seed: 1);
        int[] indices = Indices(rows, rows + 3);
        float[] expected = Normal((rows + 3) * width, seed: 2);
        Tensor y = From(expected, [rows + 3, width]);
        Ops.ScatterRows(From(x, [rows, width]), From(indices), y);
        for (int i = 0; i < x.Length; i++)
        {
            if (indices[i / width] >= 0)
            {
                expected[indices[i / width] * width + i % width] = x[i];
            }
        }

        AssertSameBits(expected, y.ToArray<float>());
    }

    [Fact]
    public void TakesRowsWithGapsBetweenThem()
    {
        float[] x = Normal(5 * 12, seed: 3);
        Tensor y = Zeros([5, 3]);
        Ops.ScatterRows(From(x, [5, 12]).Columns(4, 3), From(4, 3, 2, 1, 0), y);
        AssertSameBits([.. Enumerable.Range(0, 15).Select(i => x[(4 - i / 3) * 12 + 4 + i % 3])], y.ToArray<float>());
    }

    [Fact]
    public void AnIndexBeyondTheTargetIsNamedAndNothingIsWritten()
    {
        Tensor y = Zeros([4, 2]);
        AssertOutOfRange("indices[1]: wanted", () => Ops.ScatterRows(From(Normal(4, seed: 4), [2, 2]), From(0, 4), y));
        Assert.All(y.ToArray<float>().Skip(TestDevice.IsCpu ? 0 : 2), v => Assert.Equal(0, v)); // a GPU has written row 0
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        AssertUnsupported("y_dtype", () => Ops.ScatterRows(Empty([1, 2]), From(0), Empty([3, 2], DType.Int32)));
        ArgumentException error = Assert.Throws<ArgumentException>(() => Ops.ScatterRows(Empty([2, 2]), From(0), Empty([3, 2])));
        Assert.Contains("x: wanted 1 rows of 2 elements", error.Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        const int Rows = 401, Width = 129;
        Tensor y = Output([Rows + 5, Width]);
        Ops.ScatterRows(Place(Normal(Rows * Width, seed: 5), [Rows, Width]), From(Indices(Rows, Rows + 5)), y);
        return y.ToArray<float>();
    }

    protected override InvariantOpTests WithThreads(int count) => new ScatterRowsTests(count);

    // Distinct, every fifth left out.
    private static int[] Indices(int rows, int targets)
    {
        int[] places = [.. Enumerable.Range(0, targets)];
        new Random(6).Shuffle(places);
        return [.. Enumerable.Range(0, rows).Select(r => r % 5 == 3 ? -1 - r : places[r])];
    }
}
