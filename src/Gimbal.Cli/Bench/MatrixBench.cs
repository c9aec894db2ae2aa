using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Matrix products, attention and the fused head: bound by arithmetic.</summary>
internal static class MatrixBench
{
    private const int Tokens = 512, Width = 768, Inner = 3072, Vocabulary = 8003, Heads = 12, KeyHeads = 4, HeadDim = 64, Length = 512;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["matmul"] = Matmul,
        ["matmul_packed"] = MatmulPacked,
        ["sum_rows"] = SumRows,
        ["attention"] = data => Attention(data, backward: false),
        ["attention_backward"] = data => Attention(data, backward: true),
        ["linear_logprob"] = data => LinearLogprob(data, backward: false),
        ["linear_logprob_backward"] = data => LinearLogprob(data, backward: true),
    };

    private static double Bytes(params ReadOnlySpan<Tensor> tensors) => BenchCase.Of("", () => { }, tensors).Bytes;

    private static BenchCase Matmul(BenchData data)
    {
        Tensor x = data.Stored([data.Rows(Tokens), Width]), weight = data.Stored([Inner, Width], 0.02f), y = data.New([x.Rows, Inner], data.DType);
        return new BenchCase($"{x.Rows} x {Width} x {Inner}", Bytes(x, weight, y), 2.0 * x.Rows * Width * Inner,
            () => Ops.Matmul(x, weight, default, y, transB: true));
    }

    private static BenchCase MatmulPacked(BenchData data)
    {
        Tensor x = data.Stored([data.Rows(Tokens), Width]), weight = data.Stored([Inner, Width], 0.02f), y = data.New([x.Rows, Inner], data.DType);
        PackedMatrix packed = data.Own(new PackedMatrix(data.Device, Inner, Width, data.DType));
        packed.Update(weight, transposed: true, version: 1);
        return new BenchCase($"{x.Rows} x {Width} x {Inner}", Bytes(x, weight, y), 2.0 * x.Rows * Width * Inner,
            () => Ops.MatmulPacked(x, packed, default, y));
    }

    private static BenchCase SumRows(BenchData data)
    {
        Tensor x = data.Stored([data.Rows(8192), Width]), y = data.New([Width]);
        return BenchCase.Of($"{x.Rows} x {Width}", () => Ops.SumRows(x, y), x, y);
    }

    // Causal: half of the pairs. Two products forward, five backward (the scores are computed again).
    private static BenchCase Attention(BenchData data, bool backward)
    {
        int sequences = Math.Max(1, data.Rows(4 * 64) / 64);
        int length = data.Rows(Length);
        Tensor q = data.Stored([sequences * length, Heads * HeadDim]), k = data.Stored([sequences * length, KeyHeads * HeadDim]), v = data.Stored(k.Shape);
        Tensor y = data.New(q.Shape, data.DType), lse = data.New([q.Rows, Heads]), starts = data.Counting(sequences + 1, 0, length);
        Tensor keyStarts = data.Counting(sequences, 0, length), lengths = data.From([.. Enumerable.Repeat(length, sequences)]);
        Tensor dy = data.Stored(q.Shape), dq = data.New(q.Shape, data.DType), dk = data.New(k.Shape, data.DType), dv = data.New(k.Shape, data.DType);
        void Forward() => Ops.Attention(q, k, v, starts, keyStarts, lengths, default, y, lse, HeadDim, 0.125f);
        void Backward() => Ops.AttentionBackward(q, k, v, y, lse, dy, starts, dq, dk, dv, HeadDim, 0.125f);
        Forward();
        double product = 2.0 * sequences * Heads * HeadDim * (length * (length + 1.0) / 2);
        return new BenchCase($"{sequences} x {length} x {Heads} x {HeadDim}", backward ? Bytes(q, k, v, y, dy, dq, dk, dv) : Bytes(q, k, v, y),
            (backward ? 5 : 2) * product, backward ? Backward : Forward);
    }

    // Backward: the logits again, then the gradients of hidden states and head.
    private static BenchCase LinearLogprob(BenchData data, bool backward)
    {
        Tensor hidden = data.Stored([data.Rows(Tokens), Width]), head = data.Stored([Vocabulary, Width], 0.05f);
        Tensor targets = data.Ids((int)hidden.Rows, Vocabulary), dlogprob = data.Normal([hidden.Rows]);
        Tensor logprob = data.New([hidden.Rows]), entropy = data.New([hidden.Rows]), lse = data.New([hidden.Rows]);
        Tensor dhidden = data.New(hidden.Shape, data.DType), dhead = data.New(head.Shape);
        void Forward() => Ops.LinearLogprob(hidden, head, null, targets, logprob, entropy, lse);
        void Backward() => Ops.LinearLogprobBackward(hidden, head, null, targets, lse, entropy, dlogprob, default, dhidden, dhead);
        Forward();
        double product = 2.0 * hidden.Rows * Width * Vocabulary;
        return new BenchCase($"{hidden.Rows} x {Width} x {Vocabulary}", backward ? Bytes(hidden, head, dhidden, dhead, dhead) : Bytes(hidden, head),
            (backward ? 3 : 1) * product, backward ? Backward : Forward);
    }
}
