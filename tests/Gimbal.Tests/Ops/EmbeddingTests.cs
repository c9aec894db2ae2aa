using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class EmbeddingTests : InvariantOpTests
{
    public EmbeddingTests() : base(1) { }

    private EmbeddingTests(int threads) : base(threads) { }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(7, 8, 5)]
    [InlineData(33, 31, 9)]
    [InlineData(8003, 33, 14)]
    public void CopiesTheRows(int rows, int width, int vocabulary)
    {
        float[] table = Normal(vocabulary * width, seed: 1);
        int[] ids = Ids(rows, vocabulary);
        Tensor y = Output([rows, width]);
        Ops.Embedding(From(table, [vocabulary, width]), From(ids), y);
        AssertSameBits([.. ids.SelectMany(id => table.Skip(id * width).Take(width))], y.ToArray<float>());
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(7, 8, 5)]
    [InlineData(33, 130, 9)]
    [InlineData(8003, 33, 3)]
    public void BackwardAddsInRowOrder(int rows, int width, int vocabulary)
    {
        float[] dy = Normal(rows * width, seed: 2), dtable = Normal(vocabulary * width, seed: 3);
        int[] ids = Ids(rows, vocabulary);
        Tensor gradient = From(dtable, [vocabulary, width]);
        Ops.EmbeddingBackward(From(dy, [rows, width]), From(ids), gradient);
        for (int i = 0; i < dy.Length; i++)
        {
            dtable[ids[i / width] * width + i % width] += dy[i];
        }

        AssertSameBits(dtable, gradient.ToArray<float>());
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-1)]
    public void AnIdOutsideTheTableIsNamedAndNothingIsWritten(int wrong)
    {
        Tensor table = From(Normal(10, seed: 4), [5, 2]), ids = From(0, 4, wrong), y = Zeros([3, 2]);
        string message = $"ids[2]: wanted 0 to 4, got {wrong}";
        AssertOutOfRange(message, () => Ops.Embedding(table, ids, y));
        Tensor dtable = Zeros([5, 2]);
        AssertOutOfRange(message, () => Ops.EmbeddingBackward(From(Normal(6, seed: 5), [3, 2]), ids, dtable));
        if (!TestDevice.IsCpu)
        {
            return; // a GPU finds the wrong id while it writes the other rows
        }

        Assert.All(y.ToArray<float>().Concat(dtable.ToArray<float>()), v => Assert.Equal(0, v));
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        AssertUnsupported("table_dtype: wanted float32 or bfloat16, got int32",
            () => Ops.Embedding(Empty([5, 2], DType.Int32), From(1), Empty([1, 2])));
        AssertUnsupported("dy_dtype: wanted float32 or bfloat16, got int32",
            () => Ops.EmbeddingBackward(Empty([1, 2], DType.Int32), From(1), Empty([5, 2])));
        ArgumentException error = Assert.Throws<ArgumentException>(() => Ops.Embedding(Empty([5, 2]), From(1), Empty([2, 2])));
        Assert.Contains("y: wanted 2 dense elements", error.Message, StringComparison.Ordinal);
    }

    protected override float[] Compute()
    {
        const int Rows = 403, Width = 129, Vocabulary = 7;
        Tensor ids = From(Ids(Rows, Vocabulary)), y = Output([Rows, Width]);
        Ops.Embedding(Place(Normal(Vocabulary * Width, seed: 6), [Vocabulary, Width]), ids, y);
        Tensor dtable = Place(new float[Vocabulary * Width], [Vocabulary, Width]);
        Ops.EmbeddingBackward(Place(Normal(Rows * Width, seed: 7), [Rows, Width]), ids, dtable);
        return [.. y.ToArray<float>(), .. dtable.ToArray<float>()];
    }

    protected override InvariantOpTests WithThreads(int count) => new EmbeddingTests(count);

    private static int[] Ids(int rows, int vocabulary)
    {
        Random random = new(8);
        return [.. Enumerable.Range(0, rows).Select(_ => random.Next(vocabulary))];
    }
}
