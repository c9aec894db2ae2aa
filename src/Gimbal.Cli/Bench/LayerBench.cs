using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Embeddings, norms, positions, activations: bound by memory.</summary>
internal static class LayerBench
{
    private const int Tokens = 8192, Width = 768, Vocabulary = 32000, Heads = 12;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["skeleton"] = data => Elementwise(data, (x, y) => Ops.Skeleton(x, y, 1.5f)),
        ["skeleton_backward"] = data => Elementwise(data, (dy, dx) => Ops.SkeletonBackward(dy, dx, 1.5f)),
        ["embedding"] = Embedding,
        ["embedding_backward"] = EmbeddingBackward,
        ["scatter_rows"] = ScatterRows,
        ["rmsnorm"] = Rmsnorm,
        ["rmsnorm_backward"] = RmsnormBackward,
        ["layernorm"] = Layernorm,
        ["layernorm_backward"] = LayernormBackward,
        ["rope"] = data => Rope(data, (x, positions, table, y) => Ops.Rope(x, positions, table, y, Heads, false)),
        ["rope_backward"] = data => Rope(data, (dy, positions, table, dx) => Ops.RopeBackward(dy, positions, table, dx, Heads, false)),
        ["swiglu"] = Swiglu,
        ["swiglu_backward"] = SwigluBackward,
        ["gelu"] = data => Elementwise(data, (x, y) => Ops.Gelu(x, y, GeluForm.Tanh)),
        ["gelu_backward"] = data => WithGradient(data, (dy, x, dx) => Ops.GeluBackward(dy, x, dx, GeluForm.Tanh)),
        ["tanh"] = data => Elementwise(data, (x, y) => Ops.Tanh(x, y)),
        ["tanh_backward"] = data => WithGradient(data, (dy, y, dx) => Ops.TanhBackward(dy, y, dx)),
        ["relu_squared"] = data => Elementwise(data, (x, y) => Ops.ReluSquared(x, y)),
        ["relu_squared_backward"] = data => WithGradient(data, (dy, x, dx) => Ops.ReluSquaredBackward(dy, x, dx)),
        ["multiply"] = data => WithGradient(data, (a, b, y) => Ops.Multiply(a, b, y)),
        ["add"] = data => WithGradient(data, (a, b, y) => Ops.Add(a, b, y)),
        ["segment_sum"] = data => Segments(data, (x, starts, y) => Ops.SegmentSum(x, starts, y)),
        ["segment_sum_backward"] = data => Segments(data, (dx, starts, dy) => Ops.SegmentSumBackward(dy, starts, dx)),
    };

    private static string Size(Tensor x) => $"{x.Rows} x {x.Width}";

    private static BenchCase Elementwise(BenchData data, Action<Tensor, Tensor> run)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), y = data.New(x.Shape);
        return BenchCase.Of(Size(x), () => run(x, y), x, y);
    }

    private static BenchCase WithGradient(BenchData data, Action<Tensor, Tensor, Tensor> run)
    {
        Tensor a = data.Normal([data.Rows(Tokens), Width]), b = data.Normal(a.Shape), y = data.New(a.Shape);
        return BenchCase.Of(Size(a), () => run(a, b, y), a, b, y);
    }

    // Of the table only the rows asked for are read.
    private static BenchCase Embedding(BenchData data)
    {
        Tensor table = data.Normal([data.Rows(Vocabulary), Width]), ids = data.Ids(data.Rows(Tokens), (int)table.Rows);
        Tensor y = data.New([ids.Count, Width]);
        return BenchCase.Of(Size(y), () => Ops.Embedding(table, ids, y), ids, y, y);
    }

    // The rows of the table are read and written.
    private static BenchCase EmbeddingBackward(BenchData data)
    {
        Tensor dtable = data.New([data.Rows(Vocabulary), Width]), ids = data.Ids(data.Rows(Tokens), (int)dtable.Rows);
        Tensor dy = data.Normal([ids.Count, Width]);
        return BenchCase.Of(Size(dy), () => Ops.EmbeddingBackward(dy, ids, dtable), ids, dy, dy, dy);
    }

    private static BenchCase ScatterRows(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), indices = data.Shuffled((int)x.Rows), y = data.New(x.Shape);
        return BenchCase.Of(Size(x), () => Ops.ScatterRows(x, indices, y), x, indices, y);
    }

    private static BenchCase Rmsnorm(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), weight = data.Normal([Width], 0.1f, 1);
        Tensor y = data.New(x.Shape), rstd = data.New([x.Rows]);
        return BenchCase.Of(Size(x), () => Ops.Rmsnorm(x, weight, y, rstd, 1e-5f), x, weight, y, rstd);
    }

    private static BenchCase RmsnormBackward(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), weight = data.Normal([Width], 0.1f, 1), dy = data.Normal(x.Shape);
        Tensor y = data.New(x.Shape), rstd = data.New([x.Rows]), dx = data.New(x.Shape), dweight = data.New([Width]);
        Ops.Rmsnorm(x, weight, y, rstd, 1e-5f);
        return BenchCase.Of(Size(x), () => Ops.RmsnormBackward(dy, x, weight, rstd, dx, dweight), dy, x, weight, rstd, dx, dweight);
    }

    private static BenchCase Layernorm(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), weight = data.Normal([Width], 0.1f, 1), bias = data.Normal([Width]);
        Tensor y = data.New(x.Shape), mean = data.New([x.Rows]), rstd = data.New([x.Rows]);
        return BenchCase.Of(Size(x), () => Ops.Layernorm(x, weight, bias, y, mean, rstd, 1e-5f), x, weight, bias, y, mean, rstd);
    }

    private static BenchCase LayernormBackward(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Width]), weight = data.Normal([Width], 0.1f, 1), dy = data.Normal(x.Shape);
        Tensor y = data.New(x.Shape), mean = data.New([x.Rows]), rstd = data.New([x.Rows]), dx = data.New(x.Shape);
        Tensor dweight = data.New([Width]), dbias = data.New([Width]);
        Ops.Layernorm(x, weight, default, y, mean, rstd, 1e-5f);
        return BenchCase.Of(Size(x), () => Ops.LayernormBackward(dy, x, weight, mean, rstd, dx, dweight, dbias), dy, x, weight, mean,
            rstd, dx, dweight, dbias);
    }

    private static BenchCase Rope(BenchData data, Action<Tensor, Tensor, Tensor, Tensor> run)
    {
        const int Positions = 2048, HeadDim = Width / Heads;
        Tensor x = data.Normal([data.Rows(Tokens), Width]), y = data.New(x.Shape), table = data.Normal([Positions, HeadDim], 0.7f);
        Tensor positions = data.Ids((int)x.Rows, Positions);
        return BenchCase.Of(Size(x), () => run(x, positions, table, y), x, positions, table, y);
    }

    private static BenchCase Swiglu(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), 2 * Width]), y = data.New([x.Rows, Width]);
        return BenchCase.Of(Size(x), () => Ops.Swiglu(x, y), x, y);
    }

    private static BenchCase SwigluBackward(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens), 2 * Width]), dy = data.Normal([x.Rows, Width]), dx = data.New(x.Shape);
        return BenchCase.Of(Size(x), () => Ops.SwigluBackward(dy, x, dx), dy, x, dx);
    }

    private static BenchCase Segments(BenchData data, Action<Tensor, Tensor, Tensor> run)
    {
        const int Length = 200;
        int segments = data.Rows(65536);
        Tensor x = data.Normal([segments * Length]), starts = data.Counting(segments + 1, 0, Length), y = data.Normal([segments]);
        return BenchCase.Of($"{segments} x {Length}", () => run(x, starts, y), x, starts, y);
    }
}
