using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Ops of losses, advantages and the optimizer.</summary>
internal static class LossBenches
{
    /// <summary>The cases. Each allocates from the arena scope that is open when its case is made.</summary>
    /// <param name="rows">Rows of logits.</param>
    /// <param name="vocabulary">Their width.</param>
    /// <param name="tokens">Elements of the token losses.</param>
    /// <param name="weights">Parameters of the optimizer.</param>
    public static IEnumerable<Func<BenchInputs, BenchCase>> All(int rows, int vocabulary, int tokens, int weights)
    {
        double logits = 4.0 * rows * vocabulary, one = 4.0 * tokens;
        Shape table = [rows, vocabulary], single = new(rows), flat = new(tokens);
        string shape = $"{rows} x {vocabulary}";
        yield return make =>
        {
            Tensor x = make.Normal(table, 2), targets = make.Ids(rows, vocabulary), logprob = make.Output(single), entropy = make.Output(single), lse = make.Output(single);
            return new BenchCase("logprob_gather", shape, logits, 0, () => Ops.LogprobGather(x, targets, logprob, entropy, lse));
        };
        yield return make =>
        {
            Tensor x = make.Normal(table, 2), targets = make.Ids(rows, vocabulary), lse = make.Filled(single, 12), entropy = make.Filled(single, 8);
            Tensor dlogprob = make.Normal(single), dx = make.Output(table);
            return new BenchCase("logprob_gather_backward", shape, 2 * logits, 0, () => Ops.LogprobGatherBackward(x, targets, lse, entropy, dlogprob, default, dx));
        };
        yield return make =>
        {
            Tensor x = make.Normal(table, 2), targets = make.Ids(rows, vocabulary), losses = make.Output(single), lse = make.Output(single);
            return new BenchCase("cross_entropy", shape, logits, 0, () => Ops.CrossEntropy(x, targets, losses, lse));
        };
        yield return make =>
        {
            int drawn = Math.Min(32, rows);
            Tensor x = make.Normal([drawn, vocabulary], 2), samples = make.LongRange(drawn), positions = make.Range(drawn, 0, 1);
            Tensor state = make.State(), ids = make.Output(new Shape(drawn), DType.Int32), logprob = make.Output(new Shape(drawn));
            return new BenchCase("sample_token", $"{drawn} x {vocabulary}", 4.0 * drawn * vocabulary, 0, () => Ops.SampleToken(x, samples, positions, state, ids, logprob, default));
        };
        yield return make =>
        {
            const int Steps = 512;
            Shape grid = [tokens / Steps, Steps];
            Tensor rewards = make.Normal(grid), values = make.Normal(grid), advantages = make.Output(grid), returns = make.Output(grid);
            return new BenchCase("gae", $"{tokens / Steps} x {Steps}", 4 * one, 0, () => Ops.Gae(rewards, values, default, default, default, default, default, advantages, returns, 0.99f, 0.95f));
        };
        yield return make =>
        {
            Tensor x = make.Normal(flat), y = make.Output(flat);
            return new BenchCase("whiten", $"{tokens}", 2 * one, 0, () => Ops.Whiten(x, default, y, default));
        };
        yield return make =>
        {
            Shape groups = [tokens / 8, 8];
            Tensor rewards = make.Normal(groups), advantages = make.Output(groups), statistics = make.Output(new Shape(3), DType.Float64);
            return new BenchCase("group_advantages", $"{tokens / 8} x 8", 2 * one, 0, () => Ops.GroupAdvantages(rewards, default, advantages, statistics));
        };
        yield return make =>
        {
            Tensor logprobs = make.Logprobs(flat), old = make.Logprobs(flat), advantages = make.Normal(flat), weights = make.Filled(flat, 1e-3f);
            Tensor losses = make.Output(flat), gradient = make.Output(flat), statistics = make.Output(new Shape(8), DType.Float64);
            return new BenchCase("ppo_clip_loss", $"{tokens}", 6 * one, 0, () => Ops.PpoClipLoss(logprobs, old, advantages, weights, losses, gradient, statistics, 0.2f, 0.2f));
        };
        yield return make =>
        {
            Tensor values = make.Normal(flat), old = make.Normal(flat), returns = make.Normal(flat), weights = make.Filled(flat, 1e-3f);
            Tensor losses = make.Output(flat), gradient = make.Output(flat), statistics = make.Output(new Shape(4), DType.Float64);
            return new BenchCase("value_clip_loss", $"{tokens}", 6 * one, 0, () => Ops.ValueClipLoss(values, old, returns, weights, losses, gradient, statistics, 0.2f));
        };
        yield return make =>
        {
            Tensor logprobs = make.Logprobs(flat), old = make.Logprobs(flat), reference = make.Logprobs(flat), advantages = make.Normal(flat), weights = make.Filled(flat, 1e-3f);
            Tensor losses = make.Output(flat), gradient = make.Output(flat), statistics = make.Output(new Shape(9), DType.Float64);
            return new BenchCase("grpo_loss", $"{tokens}", 7 * one, 0, () => Ops.GrpoLoss(logprobs, old, reference, advantages, weights, losses, gradient, statistics, 0.2f, 0.2f, 0, 0.04f));
        };
        yield return make =>
        {
            Tensor chosen = make.Logprobs(flat), rejected = make.Logprobs(flat), atChosen = make.Logprobs(flat), atRejected = make.Logprobs(flat);
            Tensor losses = make.Output(flat), dchosen = make.Output(flat), drejected = make.Output(flat), statistics = make.Output(new Shape(6), DType.Float64);
            return new BenchCase("dpo_loss", $"{tokens}", 7 * one, 0, () => Ops.DpoLoss(chosen, rejected, atChosen, atRejected, default, losses, dchosen, drejected, statistics, 0.1f));
        };
        yield return make =>
        {
            Tensor chosen = make.Normal(flat), rejected = make.Normal(flat), losses = make.Output(flat), dchosen = make.Output(flat), drejected = make.Output(flat);
            Tensor statistics = make.Output(new Shape(6), DType.Float64);
            return new BenchCase("reward_loss", $"{tokens}", 5 * one, 0, () => Ops.RewardLoss(chosen, rejected, default, default, losses, dchosen, drejected, statistics, 0.01f));
        };
        yield return make =>
        {
            Tensor logprobs = make.Logprobs(flat), reference = make.Logprobs(flat), kl = make.Output(flat), gradient = make.Output(flat);
            return new BenchCase("kl_penalty", $"{tokens}, k3", 4 * one, 0, () => Ops.KlPenalty(logprobs, reference, kl, gradient, KlForm.K3));
        };
        yield return make =>
        {
            Shape actions = [tokens / 4, 4];
            Tensor mean = make.Normal(actions), deviation = make.Filled(new Shape(4), -0.5f), taken = make.Normal(actions), logprob = make.Output(new Shape(tokens / 4)), entropy = make.Output(new Shape(tokens / 4));
            return new BenchCase("gaussian_logprob", $"{tokens / 4} x 4", 2.5 * one, 0, () => Ops.GaussianLogprob(mean, deviation, taken, logprob, entropy));
        };
        yield return make =>
        {
            Shape all = new(weights);
            Tensor w = make.Normal(all), g = make.Normal(all), m = make.Output(all), v = make.Output(all), state = make.State();
            return new BenchCase("adamw", $"{weights}", 28.0 * weights, 0, () => Ops.Adamw(w, g, m, v, default, state, weights, 0.9f, 0.95f, 1e-8f, 0));
        };
        yield return make =>
        {
            Tensor g = make.Normal(new Shape(weights)), state = make.State();
            return new BenchCase("grad_norm", $"{weights}", 4.0 * weights, 0, () => Ops.GradNorm(g, state, 1));
        };
        yield return make =>
        {
            Tensor x = make.Normal(new Shape(weights));
            return new BenchCase("scale", $"{weights}", 8.0 * weights, 0, () => Ops.Scale(x, 0.999999f));
        };
    }
}
