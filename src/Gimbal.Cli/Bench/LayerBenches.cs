using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Ops of the transformer, at the shapes of a small model: tokens x width, and the head's vocabulary.</summary>
internal static class LayerBenches
{
    /// <summary>The cases. Each allocates from the arena scope that is open when its case is made.</summary>
    public static IEnumerable<Func<BenchInputs, BenchCase>> All(int tokens, int width, int vocabulary)
    {
        double row = 4.0 * tokens * width;
        Shape hidden = [tokens, width], single = new(tokens);
        yield return make =>
        {
            Tensor table = make.Normal([vocabulary, width]), ids = make.Ids(tokens, vocabulary), y = make.Output(hidden);
            return new BenchCase("embedding", $"{tokens} of {vocabulary} x {width}", 2 * row, 0, () => Ops.Embedding(table, ids, y));
        };
        yield return make =>
        {
            Tensor dy = make.Normal(hidden), ids = make.Ids(tokens, vocabulary), table = make.Output([vocabulary, width]);
            return new BenchCase("embedding_backward", $"{tokens} of {vocabulary} x {width}", 3 * row, 0, () => Ops.EmbeddingBackward(dy, ids, table));
        };
        yield return make =>
        {
            Tensor x = make.Normal(hidden), weight = make.Normal(new Shape(width)), y = make.Output(hidden), rstd = make.Output(single);
            return new BenchCase("rmsnorm", $"{tokens} x {width}", 2 * row, 0, () => Ops.Rmsnorm(x, weight, y, rstd, 1e-5f));
        };
        yield return make =>
        {
            Tensor dy = make.Normal(hidden), x = make.Normal(hidden), weight = make.Normal(new Shape(width)), rstd = make.Filled(single, 1);
            Tensor dx = make.Output(hidden), dweight = make.Output(new Shape(width));
            return new BenchCase("rmsnorm_backward", $"{tokens} x {width}", 3 * row, 0, () => Ops.RmsnormBackward(dy, x, weight, rstd, dx, dweight));
        };
        yield return make =>
        {
            Tensor x = make.Normal(hidden), weight = make.Normal(new Shape(width)), bias = make.Normal(new Shape(width));
            Tensor y = make.Output(hidden), mean = make.Output(single), rstd = make.Output(single);
            return new BenchCase("layernorm", $"{tokens} x {width}", 2 * row, 0, () => Ops.Layernorm(x, weight, bias, y, mean, rstd, 1e-5f));
        };
        yield return make =>
        {
            Tensor x = make.Normal([tokens, 2 * width]), y = make.Output(hidden);
            return new BenchCase("swiglu", $"{tokens} x {width}", 3 * row, 0, () => Ops.Swiglu(x, y));
        };
        yield return make =>
        {
            Tensor dy = make.Normal(hidden), x = make.Normal([tokens, 2 * width]), dx = make.Output([tokens, 2 * width]);
            return new BenchCase("swiglu_backward", $"{tokens} x {width}", 5 * row, 0, () => Ops.SwigluBackward(dy, x, dx));
        };
        yield return make =>
        {
            Tensor x = make.Normal(hidden), y = make.Output(hidden);
            return new BenchCase("gelu", $"{tokens} x {width}", 2 * row, 0, () => Ops.Gelu(x, y, GeluForm.Tanh));
        };
        yield return make =>
        {
            Tensor x = make.Normal(hidden), y = make.Output(hidden);
            return new BenchCase("tanh", $"{tokens} x {width}", 2 * row, 0, () => Ops.Tanh(x, y));
        };
        yield return make =>
        {
            Tensor a = make.Normal(hidden), b = make.Normal(hidden), y = make.Output(hidden);
            return new BenchCase("add", $"{tokens} x {width}", 3 * row, 0, () => Ops.Add(a, b, y));
        };
        yield return make =>
        {
            const int Heads = 6;
            int dim = width / Heads / 2 * 2;
            Shape shape = [tokens, Heads * dim];
            Tensor x = make.Normal(shape), positions = make.Range(tokens, 0, 1), table = make.Normal([tokens, dim]), y = make.Output(shape);
            return new BenchCase("rope", $"{tokens} x {Heads} x {dim}", 8.0 * tokens * Heads * dim, 0, () => Ops.Rope(x, positions, table, y, Heads, interleaved: false));
        };
        foreach ((int m, int n, int k) in ((int, int, int)[])[(tokens, width, width), (tokens, 3 * width, width), (32, vocabulary, width)])
            yield return Matmul(m, n, k);
        foreach (int length in (int[])[Math.Min(256, tokens), Math.Min(1024, tokens)])
            yield return Attention(tokens / length, length, heads: 6, dim: 48);
        yield return make =>
        {
            Tensor x = make.Normal(hidden), y = make.Output(new Shape(width));
            return new BenchCase("sum_rows", $"{tokens} x {width}", row, 0, () => Ops.SumRows(x, y));
        };
    }

    private static Func<BenchInputs, BenchCase> Matmul(int m, int n, int k) => make =>
    {
        Tensor a = make.Normal([m, k]), b = make.Normal([n, k]), c = make.Output([m, n]);
        return new BenchCase("matmul", $"{m} x {n} x {k}", 4.0 * (((double)m * k) + ((double)n * k) + ((double)m * n)), 2.0 * m * n * k,
            () => Ops.Matmul(a, b, default, c, transB: true));
    };

    private static Func<BenchInputs, BenchCase> Attention(int sequences, int length, int heads, int dim) => make =>
    {
        int tokens = sequences * length, wide = heads * dim;
        Tensor q = make.Normal([tokens, wide]), k = make.Normal([tokens, wide]), v = make.Normal([tokens, wide]), y = make.Output([tokens, wide]);
        Tensor lse = make.Output([tokens, heads]), starts = make.Range(sequences + 1, 0, length), lengths = make.Range(sequences, length, 0);
        double flops = 2.0 * 2 * sequences * heads * dim * length * (length + 1) / 2;
        return new BenchCase("attention", $"{sequences} x {length}, {heads} heads of {dim}", 16.0 * tokens * wide, flops,
            () => Ops.Attention(q, k, v, starts, starts.RowRange(0, sequences), lengths, default, y, lse, dim, 1 / MathF.Sqrt(dim)));
    };
}
