using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Log-probabilities, losses and draws over rows of logits: bound by memory.</summary>
internal static class LanguageBench
{
    private const int Tokens = 512, Vocabulary = 32000;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["logprob_gather"] = data => Rows(data, (x, row) => Ops.LogprobGather(x, row.Targets, row.Value, row.Entropy, row.Lse)),
        ["logprob_gather_backward"] = data => RowsBackward(data, (x, row, dx) =>
            Ops.LogprobGatherBackward(x, row.Targets, row.Lse, row.Entropy, row.Gradient, default, dx)),
        ["policy_loss_with_logits"] = PolicyLossWithLogits,
        ["cross_entropy"] = data => Rows(data, (x, row) => Ops.CrossEntropy(x, row.Targets, row.Value, row.Lse)),
        ["cross_entropy_backward"] = data => RowsBackward(data, (x, row, dx) =>
            Ops.CrossEntropyBackward(x, row.Targets, row.Lse, row.Gradient, dx)),
        ["softcap"] = data => Logits(data, (x, y) => Ops.Softcap(x, y, 1, 30)),
        ["softcap_backward"] = data => Logits(data, (y, dx) => Ops.SoftcapBackward(dx, y, dx, 1, 30)),
        ["z_loss"] = ZLoss,
        ["z_loss_backward"] = data => RowsBackward(data, (x, row, dx) => Ops.ZLossBackward(x, row.Lse, row.Gradient, dx, 1e-4f)),
        ["full_kl"] = data => FullKl(data, isBackward: false),
        ["full_kl_backward"] = data => FullKl(data, isBackward: true),
        ["sample_token"] = SampleToken,
        ["repetition_penalty"] = RepetitionPenalty,
    };

    private sealed record RowTensors(Tensor Targets, Tensor Value, Tensor Entropy, Tensor Lse, Tensor Gradient);

    private static (Tensor Logits, RowTensors Rows) Make(BenchData data)
    {
        int rows = data.Rows(Tokens);
        Tensor logits = data.Normal([rows, Vocabulary], 2);
        return (logits, new RowTensors(data.Ids(rows, Vocabulary), data.New([rows]), data.New([rows]), data.New([rows]),
            data.Normal([rows])));
    }

    private static BenchCase Rows(BenchData data, Action<Tensor, RowTensors> run)
    {
        (Tensor logits, RowTensors rows) = Make(data);
        return BenchCase.Of($"{logits.Rows} x {logits.Width}", () => run(logits, rows), logits);
    }

    private static BenchCase RowsBackward(BenchData data, Action<Tensor, RowTensors, Tensor> run)
    {
        (Tensor logits, RowTensors rows) = Make(data);
        Tensor dlogits = data.New(logits.Shape);
        Ops.LogprobGather(logits, rows.Targets, rows.Value, rows.Entropy, rows.Lse);
        return BenchCase.Of($"{logits.Rows} x {logits.Width}", () => run(logits, rows, dlogits), logits, dlogits);
    }

    private static BenchCase Logits(BenchData data, Action<Tensor, Tensor> run)
    {
        Tensor x = data.Normal([data.Rows(Tokens), Vocabulary], 2), y = data.New(x.Shape);
        return BenchCase.Of($"{x.Rows} x {x.Width}", () => run(x, y), x, y);
    }

    private static BenchCase PolicyLossWithLogits(BenchData data)
    {
        (Tensor logits, RowTensors rows) = Make(data);
        Tensor old = data.Logprobs([logits.Rows]), dlogits = data.New(logits.Shape), statistics = data.New([9], DType.Float64);
        PolicyObjective objective = new();
        return BenchCase.Of($"{logits.Rows} x {logits.Width}", () => Ops.PolicyLossWithLogits(logits, rows.Targets, old, default,
            rows.Gradient, default, default, rows.Value, rows.Entropy, default, dlogits, statistics, objective, 0.01f), logits, dlogits);
    }

    private static BenchCase ZLoss(BenchData data)
    {
        Tensor lse = data.Normal([data.Rows(Tokens * 64)], 2), losses = data.New(lse.Shape);
        return BenchCase.Of($"{lse.Count}", () => Ops.ZLoss(lse, losses, 1e-4f), lse, losses);
    }

    private static BenchCase FullKl(BenchData data, bool isBackward)
    {
        (Tensor logits, RowTensors rows) = Make(data);
        Tensor reference = data.Normal(logits.Shape, 2), dlogits = data.New(logits.Shape), lse = data.New([logits.Rows]), kl = data.New(lse.Shape);
        Ops.LogprobGather(logits, rows.Targets, rows.Value, default, rows.Lse);
        Ops.LogprobGather(reference, rows.Targets, rows.Value, default, lse);
        string shape = $"{logits.Rows} x {logits.Width}";
        return isBackward
            ? BenchCase.Of(shape, () => Ops.FullKlBackward(logits, reference, rows.Lse, lse, kl, rows.Gradient, dlogits), logits, reference, dlogits)
            : BenchCase.Of(shape, () => Ops.FullKl(logits, reference, rows.Lse, lse, kl), logits, reference);
    }

    private static BenchCase RepetitionPenalty(BenchData data)
    {
        const int Seen = 256;
        int rows = data.Rows(Tokens);
        Tensor x = data.Normal([rows, Vocabulary], 2), y = data.New(x.Shape);
        Tensor ids = data.Ids(rows * Seen, Vocabulary), starts = data.Counting(rows + 1, 0, Seen);
        return BenchCase.Of($"{rows} x {Vocabulary}", () => Ops.RepetitionPenalty(x, ids, starts, y, 1.2f), x, y);
    }

    private static BenchCase SampleToken(BenchData data)
    {
        (Tensor logits, RowTensors rows) = Make(data);
        Tensor samples = data.New([logits.Rows], DType.Int64), tokens = data.New([logits.Rows], DType.Int32);
        samples.CopyFrom<long>([.. Enumerable.Range(0, (int)logits.Rows).Select(i => (long)i)]);
        Tensor positions = data.Counting((int)logits.Rows);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        state.WriteDraw(1, 1);
        return BenchCase.Of($"{logits.Rows} x {logits.Width}", () => Ops.SampleToken(logits, samples, positions, state.Tensor, tokens,
            rows.Value, rows.Entropy, 0.8f, 50, 0.95f), logits);
    }
}
