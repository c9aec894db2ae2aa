using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>PPO on language: rewards of tokens from a score and a KL, advantages, the joint loss from logits.</summary>
internal static class RlhfRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["rlhf_rewards_gae"] = RewardsAndAdvantages,
        ["rlhf_token_rewards"] = TokenRewards,
    };

    // A response ends with its stop token; the score lands one past the last kept token where there is room.
    private static void RewardsAndAdvantages(GoldenRun run)
    {
        GoldenTensor responses = run.Input("responses");
        int rows = responses.Rows, steps = responses.Width, stop = run.Case.Integer("stop_token_id"), pad = run.Case.Integer("pad_token_id");
        int[] ids = responses.Ints(), last = new int[rows];
        float[] scores = run.Floats("scores"), placed = new float[ids.Length];
        byte[] tokens = new byte[ids.Length], states = new byte[ids.Length];
        for (int row = 0; row < rows; row++)
        {
            Span<int> response = ids.AsSpan(row * steps, steps);
            int end = response.IndexOf(stop);
            if (end >= 0)
                response[(end + 1)..].Fill(pad);
            int padding = response.IndexOf(pad);
            last[row] = (padding < 0 ? steps : padding) - 1;
            scores[row] -= response.Contains(run.Case.Integer("eos_token_id")) ? 0 : run.Case.Number("missing_eos_penalty");
            placed[row * steps + Math.Min(last[row] + 1, steps - 1)] = scores[row];
            tokens.AsSpan(row * steps, last[row] + 1).Fill(1);
            states.AsSpan(row * steps, Math.Min(last[row] + 2, steps)).Fill(1);
        }

        Shape shape = [rows, steps];
        float[] kept = [.. tokens.Select(token => (float)token)];
        Tensor kl = run.New(shape), mask = run.From(states, shape);
        Ops.KlPenalty(Masked(run, "logprobs", kept), Masked(run, "ref_logprobs", kept), kl, default,
            run.Case.Text("kl_estimator") == "k1" ? KlForm.K1 : KlForm.K3);
        run.Output("kl", kl);
        run.Output("mean_kl", kl.ToArray<float>().Sum(v => (double)v) / rows);
        Ops.Scale(kl, -run.Case.Number("kl_coef"));
        run.Output("non_score_reward", kl);
        double others = kl.ToArray<float>().Sum(v => (double)v) / rows;
        run.Output("mean_non_score_reward", others);
        run.Output("rlhf_reward", scores.Average(v => (double)v) + others);
        run.Output("scores", scores);

        Tensor rewards = run.New(shape), values = run.New(shape), advantages = run.New(shape), returns = run.New(shape);
        Ops.Add(kl, run.From(placed, shape), rewards);
        if (run.Case.Flag("whiten_rewards"))
            Ops.Whiten(rewards, mask, rewards, default, keepMean: true);
        run.Output("rewards", rewards);
        values.CopyFrom<float>([.. run.Floats("values").Zip(states, (v, m) => v * m)]);
        Ops.Gae(rewards, values, default, default, default, default, mask, advantages, returns, run.Case.Number("gamma"), run.Case.Number("lam"));
        Ops.Whiten(advantages, run.From(tokens, shape), advantages, default);
        run.Output("returns", returns);
        run.Output("advantages", advantages);

        // Bookkeeping of the other system, and a mean that counts padding at a made-up log-probability.
        run.Output("sequence_lengths", [.. last.Select(index => (float)index)]);
        run.Leave("postprocessed_responses", "padding_mask", "padding_mask_p1", "mean_entropy");
    }

    private static Tensor Masked(GoldenRun run, string input, float[] kept) =>
        run.From([.. run.Floats(input).Zip(kept, (v, m) => v * m)], [run.Input(input).Rows, run.Input(input).Width]);

    private static void TokenRewards(GoldenRun run)
    {
        if (run.Has("kl"))
        {
            run.Output("reward", TokenRewards(run, run.Vector("kl"), run.Floats("r"), run.Floats("action_mask"), run.Input("kl").Width));
            return;
        }

        Tensor old = run.Vector("old_log_prob"), reward = run.New(old.Shape);
        Ops.KlPenalty(old, run.Vector("ref_log_prob"), reward, default, KlForm.K1);
        Ops.Scale(reward, -run.Case.Number("kl_ratio"));
        Ops.Add(reward, run.Vector("token_level_scores"), reward);
        run.Output("rewards", reward);
    }

    /// <summary>- beta KL of every token, and the clipped score of a completion on the last one of its mask.</summary>
    public static Tensor TokenRewards(GoldenRun run, Tensor kl, float[] scores, float[] mask, int width)
    {
        float[] placed = new float[mask.Length];
        float low = float.NegativeInfinity, high = float.PositiveInfinity;
        if (run.Case.List("reward_clip_range") is [var from, var to])
            (low, high) = (from.GetSingle(), to.GetSingle());
        for (int row = 0; row < scores.Length; row++)
            placed[row * width + Array.FindLastIndex(mask, (row + 1) * width - 1, width, m => m != 0) % width] = Math.Clamp(scores[row], low, high);
        Tensor reward = run.New(kl.Shape);
        reward.CopyFrom(kl);
        Ops.Scale(reward, -run.Case.Number("kl_coef"));
        Ops.Add(reward, run.From(placed), reward);
        return reward;
    }
}
