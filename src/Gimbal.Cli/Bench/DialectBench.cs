using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>The losses and ratios of other systems' dialects: one pass over their inputs, bound by memory.</summary>
internal static class DialectBench
{
    private const int Tokens = 2 << 20, Dimensions = 8;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["preference_loss"] = PreferenceLoss,
        ["unpaired_loss"] = UnpairedLoss,
        ["nll_loss"] = NllLoss,
        ["sequence_ratio"] = data => SequenceRatio(data, (x, old, starts, y) => Ops.SequenceRatio(x, old, default, starts, y, mean: true)),
        ["sequence_ratio_backward"] = data => SequenceRatio(data, (dy, _, starts, dx) => Ops.SequenceRatioBackward(dy, default, starts, dx, mean: true)),
        ["policy_loss"] = PolicyLoss,
        ["clipped_value_loss"] = ClippedValueLoss,
        ["sde_logprob"] = SdeLogprob,
        ["sde_logprob_backward"] = SdeLogprobBackward,
        ["tanh_squash"] = TanhSquash,
    };

    private static BenchCase PreferenceLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor chosen = data.Normal(shape, 20, -100), rejected = data.Normal(shape, 20, -100);
        Tensor refChosen = data.Normal(shape, 20, -100), refRejected = data.Normal(shape, 20, -100), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), dchosen = data.New(shape), drejected = data.New(shape), statistics = data.New([6], DType.Float64);
        PreferenceObjective objective = new();
        return BenchCase.Of($"{shape.Count}", () => Ops.PreferenceLoss(chosen, rejected, refChosen, refRejected, weights, losses, dchosen,
            drejected, statistics, objective), chosen, rejected, refChosen, refRejected, weights, losses, dchosen, drejected);
    }

    private static BenchCase UnpairedLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Normal(shape, 20, -100), reference = data.Normal(shape, 20, -100), labels = data.Flags(shape, 0.5);
        Tensor weights = data.Normal(shape, 0.1f, 1), losses = data.New(shape), gradient = data.New(shape), statistics = data.New([6], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.UnpairedLoss(logprobs, reference, labels, weights, losses, gradient, statistics,
            0.1f, 0.2f), logprobs, reference, labels, weights, losses, gradient);
    }

    private static BenchCase NllLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Logprobs(shape), weights = data.Normal(shape, 0.1f, 1), losses = data.New(shape), gradient = data.New(shape);
        Tensor statistics = data.New([3], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.NllLoss(logprobs, weights, losses, gradient, statistics, 1), logprobs, weights,
            losses, gradient);
    }

    private static BenchCase SequenceRatio(BenchData data, Action<Tensor, Tensor, Tensor, Tensor> run)
    {
        const int Length = 200;
        int sequences = data.Rows(Tokens / Length);
        Shape shape = [sequences * Length];
        Tensor logprobs = data.Logprobs(shape), old = data.Logprobs(shape), starts = data.Counting(sequences + 1, 0, Length), y = data.New(shape);
        return BenchCase.Of($"{sequences} x {Length}", () => run(logprobs, old, starts, y), logprobs, old, y);
    }

    private static BenchCase SdeLogprob(BenchData data)
    {
        const int Width = 64;
        Shape shape = [data.Rows(Tokens / Width), Dimensions];
        Tensor mean = data.Normal(shape), actions = data.Normal(shape), features = data.Normal([shape.Rows, Width]);
        Tensor logStd = data.Normal([Dimensions, Width], 0.1f, -2), logprob = data.New([shape.Rows]), entropy = data.New([shape.Rows]);
        Tensor variance = data.New(shape);
        return BenchCase.Of($"{shape.Rows} x {Dimensions} x {Width}", () => Ops.SdeLogprob(mean, features, logStd, actions, logprob,
            entropy, variance), mean, features, actions, logprob, entropy, variance);
    }

    private static BenchCase SdeLogprobBackward(BenchData data)
    {
        const int Width = 64;
        Shape shape = [data.Rows(Tokens / Width), Dimensions];
        Tensor mean = data.Normal(shape), actions = data.Normal(shape), features = data.Normal([shape.Rows, Width]);
        Tensor logStd = data.Normal([Dimensions, Width], 0.1f, -2), variance = data.Normal(shape, 0.1f, 1);
        Tensor dlogprob = data.Normal([shape.Rows]), dmean = data.New(shape), dlogStd = data.New(logStd.Shape);
        return BenchCase.Of($"{shape.Rows} x {Dimensions} x {Width}", () => Ops.SdeLogprobBackward(mean, features, logStd, actions,
            variance, dlogprob, default, dmean, dlogStd), mean, features, actions, variance, dlogprob, dmean);
    }

    private static BenchCase TanhSquash(BenchData data)
    {
        Shape shape = [data.Rows(Tokens / Dimensions), Dimensions];
        Tensor x = data.Normal(shape), y = data.New(shape), logprob = data.New([shape.Rows]);
        return BenchCase.Of($"{shape.Rows} x {Dimensions}", () => Ops.TanhSquash(x, y, logprob), x, y, logprob);
    }

    private static BenchCase PolicyLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Logprobs(shape), old = data.Logprobs(shape), reference = data.Logprobs(shape);
        Tensor advantages = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), gradient = data.New(shape), statistics = data.New([9], DType.Float64);
        PolicyObjective objective = new() { ClipHigh = 0.28f, Beta = 0.04f };
        return BenchCase.Of($"{shape.Count}", () => Ops.PolicyLoss(logprobs, old, default, reference, advantages, default, default, weights,
            losses, gradient, default, statistics, objective), logprobs, old, reference, advantages, weights, losses, gradient);
    }

    private static BenchCase ClippedValueLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor values = data.Normal(shape), old = data.Normal(shape), returns = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), gradient = data.New(shape), statistics = data.New([4], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.ClippedValueLoss(values, old, returns, weights, losses, gradient, statistics, 0.2f),
            values, old, returns, weights, losses, gradient);
    }
}
