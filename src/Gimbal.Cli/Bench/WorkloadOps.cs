using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Ops at the sizes that other systems time: forward and backward in one case where a loss has both.</summary>
internal static class WorkloadOps
{
    private const int Rows = 2048, Vocabulary = 32000, Samples = 256, Steps = 512, Groups = 16384, GroupSize = 8, Parameters = 15187968;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["op-logprob-gather"] = LogprobGather,
        ["op-ppo-loss-entropy-logits"] = PpoLossFromLogits,
        ["op-ppo-loss-tokens"] = PpoLoss,
        ["op-gae"] = Gae,
        ["op-group-normalise"] = GroupNormalise,
        ["op-sample-1"] = data => Sample(data, 1),
        ["op-sample-32"] = data => Sample(data, 32),
        ["op-adamw-15M"] = Adamw,
        ["op-matmul-2048"] = data => Matmul(data, Rows, Rows, Rows, transposed: false, isPacked: false),
        ["op-matmul-head"] = data => Matmul(data, Rows, Vocabulary, 288, transposed: true, isPacked: false),
        ["op-matmul-decode"] = data => Matmul(data, 32, Vocabulary, 288, transposed: true, isPacked: true),
    };

    /// <summary>Those whose weights and activations may be bfloat16.</summary>
    public static readonly Dictionary<string, Func<BenchData, BenchCase>> Products =
        All.Where(entry => entry.Key.StartsWith("op-matmul", StringComparison.Ordinal)).ToDictionary();

    private static BenchCase LogprobGather(BenchData data)
    {
        Tensor logits = data.Normal([data.Rows(Rows), Vocabulary]), dlogits = data.New(logits.Shape);
        Tensor targets = data.Ids((int)logits.Rows, Vocabulary), gradient = data.Normal([logits.Rows]);
        Tensor logprob = data.New([logits.Rows]), lse = data.New([logits.Rows]);
        return BenchCase.Of($"{logits.Rows} x {Vocabulary}", () =>
        {
            Ops.LogprobGather(logits, targets, logprob, default, lse);
            Ops.LogprobGatherBackward(logits, targets, lse, default, gradient, default, dlogits);
        }, logits, dlogits);
    }

    private static BenchCase PpoLossFromLogits(BenchData data)
    {
        Tensor logits = data.Normal([data.Rows(Rows), Vocabulary]), dlogits = data.New(logits.Shape);
        Tensor targets = data.Ids((int)logits.Rows, Vocabulary), old = data.Logprobs([logits.Rows]);
        Tensor advantages = data.Normal([logits.Rows]), logprobs = data.New([logits.Rows]), statistics = data.New([9], DType.Float64);
        PolicyObjective objective = new();
        return BenchCase.Of($"{logits.Rows} x {Vocabulary}", () => Ops.PolicyLossWithLogits(logits, targets, old, default, advantages,
            default, default, logprobs, default, default, dlogits, statistics, objective, 0.01f), logits, dlogits);
    }

    private static BenchCase PpoLoss(BenchData data)
    {
        Shape shape = [Samples * Steps];
        Tensor logprobs = data.Logprobs(shape), old = data.Logprobs(shape), advantages = data.Normal(shape), mask = data.Normal(shape, 0.1f, 1);
        Tensor values = data.Normal(shape), oldValues = data.Normal(shape), returns = data.Normal(shape);
        Tensor dlogprobs = data.New(shape), dvalues = data.New(shape);
        Tensor policy = data.New([8], DType.Float64), value = data.New([4], DType.Float64);
        return BenchCase.Of($"{Samples} x {Steps}", () =>
        {
            Ops.PpoClipLoss(logprobs, old, advantages, mask, default, dlogprobs, policy, 0.2f, 0.2f);
            Ops.ValueClipLoss(values, oldValues, returns, mask, default, dvalues, value, 0.2f);
        }, logprobs, old, advantages, mask, values, oldValues, returns, mask, dlogprobs, dvalues);
    }

    private static BenchCase Gae(BenchData data)
    {
        Shape shape = [Samples, Steps];
        Tensor rewards = data.Normal(shape), values = data.Normal(shape), last = data.Normal([Samples]), ends = data.Flags(shape, 0.01);
        Tensor advantages = data.New(shape), returns = data.New(shape);
        return BenchCase.Of($"{Samples} x {Steps}", () => Ops.Gae(rewards, values, last, ends, default, default, default, advantages,
            returns, 0.99f, 0.95f), rewards, values, ends, advantages, returns);
    }

    private static BenchCase GroupNormalise(BenchData data)
    {
        Shape shape = [Groups, GroupSize];
        Tensor rewards = data.Normal(shape), y = data.New(shape), statistics = data.New([3], DType.Float64);
        return BenchCase.Of($"{Groups} x {GroupSize}", () => Ops.GroupAdvantages(rewards, default, y, statistics), rewards, y);
    }

    private static BenchCase Sample(BenchData data, int rows)
    {
        Tensor logits = data.Normal([rows, Vocabulary]), logprobs = data.New([rows]);
        Tensor samples = data.New([rows], DType.Int64), tokens = data.New([rows], DType.Int32), positions = data.Counting(rows);
        samples.CopyFrom<long>([.. Enumerable.Range(0, rows).Select(i => (long)i)]);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        state.WriteDraw(1, 1);
        return BenchCase.Of($"{rows} x {Vocabulary}", () => Ops.SampleToken(logits, samples, positions, state.Tensor, tokens, logprobs,
            default, 0.8f), logits);
    }

    private static BenchCase Adamw(BenchData data)
    {
        Tensor weights = data.Normal([data.Rows(Parameters)], 0.02f), gradients = data.Normal(weights.Shape, 0.01f);
        Tensor m = data.Normal(weights.Shape, 0.01f), v = data.Normal(weights.Shape, 1e-5f, 1e-4f);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        state.WriteOptimizer(100, 1e-4f, 0.9f, 0.95f);
        return BenchCase.Of($"{weights.Count}", () => Ops.Adamw(weights, gradients, m, v, default, state.Tensor, weights.Count, 0.9f,
            0.95f, 1e-8f, 0.1f), weights, weights, gradients, m, m, v, v);
    }

    private static BenchCase Matmul(BenchData data, int rows, int columns, int depth, bool transposed, bool isPacked)
    {
        Tensor x = data.Stored([data.Rows(rows), depth]), y = data.New([x.Rows, columns]);
        Tensor weight = data.Stored(transposed ? [columns, depth] : [depth, columns], 0.05f);
        double bytes = BenchCase.Of("", static () => { }, x, weight, y).Bytes, flops = 2.0 * x.Rows * columns * depth;
        if (!isPacked)
            return new BenchCase($"{x.Rows} x {columns} x {depth}", bytes, flops, () => Ops.Matmul(x, weight, default, y, transB: transposed));
        PackedMatrix packed = data.Own(new PackedMatrix(data.Device, columns, depth, data.DType));
        packed.Update(weight, transposed, version: 1);
        return new BenchCase($"{x.Rows} x {columns} x {depth}", bytes, flops, () => Ops.MatmulPacked(x, packed, default, y));
    }
}
