using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Advantages and losses over tokens or pairs: one pass over their inputs, bound by memory.</summary>
internal static class PolicyBench
{
    private const int Tokens = 2 << 20, Steps = 512, Dimensions = 8;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["gae"] = Gae,
        ["whiten"] = Whiten,
        ["group_advantages"] = GroupAdvantages,
        ["ppo_clip_loss"] = PpoClipLoss,
        ["value_clip_loss"] = ValueClipLoss,
        ["grpo_loss"] = GrpoLoss,
        ["dpo_loss"] = DpoLoss,
        ["reward_loss"] = RewardLoss,
        ["kl_penalty"] = KlPenalty,
        ["gaussian_logprob"] = GaussianLogprob,
        ["gaussian_logprob_backward"] = GaussianLogprobBackward,
    };

    private static BenchCase Gae(BenchData data)
    {
        Shape shape = [data.Rows(Tokens / Steps), Steps];
        Tensor rewards = data.Normal(shape), values = data.Normal(shape), ends = data.Flags(shape, 0.01), mask = data.Flags(shape, 0.9);
        Tensor advantages = data.New(shape), returns = data.New(shape);
        return BenchCase.Of($"{shape.Rows} x {Steps}", () => Ops.Gae(rewards, values, default, ends, default, default, mask, advantages,
            returns, 0.99f, 0.95f), rewards, values, ends, mask, advantages, returns);
    }

    // Mean, variance and the result need three passes over what does not fit a cache; the floor is one.
    private static BenchCase Whiten(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Tokens)]), y = data.New(x.Shape), mask = data.Flags(x.Shape, 0.9);
        Tensor moments = data.New([2], DType.Float64);
        return BenchCase.Of($"{x.Count}", () => Ops.Whiten(x, mask, y, moments), x, mask, y);
    }

    private static BenchCase GroupAdvantages(BenchData data)
    {
        const int GroupSize = 8;
        Shape shape = [data.Rows(Tokens / GroupSize), GroupSize];
        Tensor rewards = data.Normal(shape), y = data.New(shape), statistics = data.New([3], DType.Float64);
        return BenchCase.Of($"{shape.Rows} x {GroupSize}", () => Ops.GroupAdvantages(rewards, default, y, statistics), rewards, y);
    }

    private static BenchCase PpoClipLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Logprobs(shape), old = data.Logprobs(shape), advantages = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), gradient = data.New(shape), statistics = data.New([8], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.PpoClipLoss(logprobs, old, advantages, weights, losses, gradient, statistics,
            0.2f, 0.2f), logprobs, old, advantages, weights, losses, gradient);
    }

    private static BenchCase ValueClipLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor values = data.Normal(shape), old = data.Normal(shape), returns = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), gradient = data.New(shape), statistics = data.New([4], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.ValueClipLoss(values, old, returns, weights, losses, gradient, statistics, 0.2f),
            values, old, returns, weights, losses, gradient);
    }

    private static BenchCase GrpoLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Logprobs(shape), old = data.Logprobs(shape), reference = data.Logprobs(shape);
        Tensor advantages = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), gradient = data.New(shape), statistics = data.New([9], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.GrpoLoss(logprobs, old, reference, advantages, weights, losses, gradient,
            statistics, 0.2f, 0.28f, 0, 0.04f), logprobs, old, reference, advantages, weights, losses, gradient);
    }

    private static BenchCase DpoLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor chosen = data.Normal(shape, 20, -100), rejected = data.Normal(shape, 20, -100);
        Tensor refChosen = data.Normal(shape, 20, -100), refRejected = data.Normal(shape, 20, -100), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), dchosen = data.New(shape), drejected = data.New(shape), statistics = data.New([6], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.DpoLoss(chosen, rejected, refChosen, refRejected, weights, losses, dchosen,
            drejected, statistics, 0.1f), chosen, rejected, refChosen, refRejected, weights, losses, dchosen, drejected);
    }

    private static BenchCase RewardLoss(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor chosen = data.Normal(shape), rejected = data.Normal(shape), weights = data.Normal(shape, 0.1f, 1);
        Tensor losses = data.New(shape), dchosen = data.New(shape), drejected = data.New(shape), statistics = data.New([6], DType.Float64);
        return BenchCase.Of($"{shape.Count}", () => Ops.RewardLoss(chosen, rejected, default, weights, losses, dchosen, drejected,
            statistics, 0.01f), chosen, rejected, weights, losses, dchosen, drejected);
    }

    private static BenchCase KlPenalty(BenchData data)
    {
        Shape shape = [data.Rows(Tokens)];
        Tensor logprobs = data.Logprobs(shape), reference = data.Logprobs(shape), kl = data.New(shape), gradient = data.New(shape);
        return BenchCase.Of($"{shape.Count}", () => Ops.KlPenalty(logprobs, reference, kl, gradient, KlForm.K3), logprobs, reference, kl, gradient);
    }

    private static BenchCase GaussianLogprob(BenchData data)
    {
        Shape shape = [data.Rows(Tokens / Dimensions), Dimensions];
        Tensor mean = data.Normal(shape), actions = data.Normal(shape), logStd = data.Normal([Dimensions], 0.1f, -0.5f);
        Tensor logprob = data.New([shape.Rows]), entropy = data.New([shape.Rows]);
        return BenchCase.Of($"{shape.Rows} x {Dimensions}", () => Ops.GaussianLogprob(mean, logStd, actions, logprob, entropy), mean,
            actions, logprob, entropy);
    }

    private static BenchCase GaussianLogprobBackward(BenchData data)
    {
        Shape shape = [data.Rows(Tokens / Dimensions), Dimensions];
        Tensor mean = data.Normal(shape), actions = data.Normal(shape), logStd = data.Normal([Dimensions], 0.1f, -0.5f);
        Tensor dlogprob = data.Normal([shape.Rows]), dmean = data.New(shape), dlogStd = data.New([Dimensions]);
        return BenchCase.Of($"{shape.Rows} x {Dimensions}", () => Ops.GaussianLogprobBackward(mean, logStd, actions, dlogprob, default,
            dmean, dlogStd), mean, actions, dlogprob, dmean);
    }
}
