using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Advantages of completions from their rewards, by group, batch or the others of a group, as four systems have them.</summary>
internal static class GroupRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["grpo_advantages"] = GrpoAdvantages,
        ["rloo_advantages"] = RlooAdvantages,
        ["group_advantages"] = GroupAdvantages,
    };

    // NaN: a reward function that has nothing to say; a row of NaN only takes no part.
    private static (float?[][] Parts, float[] Weights, float?[] Sums) Rewards(GoldenRun run)
    {
        GoldenTensor table = run.Input("rewards_per_func");
        float[] weights = [.. run.Case.List("reward_weights").Select(weight => weight.GetSingle())];
        float?[][] parts = [.. Enumerable.Range(0, table.Width).Select(f => Enumerable.Range(0, table.Rows)
            .Select(row => table.Data[row * table.Width + f]).Select(r => double.IsNaN(r) ? (float?)null : (float)r).ToArray())];
        float?[] sums = new float?[table.Rows];
        for (int f = 0; f < parts.Length; f++)
        {
            for (int row = 0; row < sums.Length; row++)
                sums[row] = parts[f][row] is { } reward ? (sums[row] ?? 0) + weights[f] * reward : sums[row];
        }

        return (parts, weights, sums);
    }

    private static void GrpoAdvantages(GoldenRun run)
    {
        (float?[][] parts, float[] weights, float?[] sums) = Rewards(run);
        int size = run.Case.Integer("num_generations");
        float epsilon = run.Case.Number("eps");
        AdvantageScale scale = run.Case.Text("scale_rewards") switch { "group" => AdvantageScale.Group, "batch" => AdvantageScale.Batch, _ => AdvantageScale.None };
        AdvantageEstimator estimator = new(AdvantageBaseline.Group, scale, epsilon);
        float[] advantages = new float[sums.Length], deviations = new float[sums.Length], equal = new float[sums.Length];
        estimator.Estimate(run.Arena, sums, size, advantages);
        if (run.Case.Text("multi_objective_aggregation") == "normalize_then_sum")
        {
            float[] one = new float[sums.Length], total = new float[sums.Length];
            for (int f = 0; f < parts.Length; f++)
            {
                estimator.Estimate(run.Arena, parts[f], size, one);
                total = [.. total.Zip(one, (t, a) => t + weights[f] * a)];
            }

            run.Output("rewards", total);
            AdvantageEstimator.Normalize(sums, epsilon, total);
            advantages = total;
            run.Leave("std_rewards", "is_std_zero"); // of the summed advantages, which the engine does not report
        }

        // Standard deviations group by group, or that of the batch for every row.
        for (int group = 0; group < sums.Length / size; group++)
        {
            Range range = (group * size)..((group + 1) * size);
            AdvantageEstimator.Summary summary = scale == AdvantageScale.Batch
                ? estimator.Estimate(run.Arena, sums, size, new float[sums.Length])
                : estimator.Estimate(run.Arena, sums.AsSpan(range), size, new float[size]);
            deviations.AsSpan(range).Fill((float)summary.StandardDeviation);
            equal.AsSpan(range).Fill(scale == AdvantageScale.Batch ? summary.StandardDeviation == 0 ? 1 : 0 : (float)summary.EqualGroups);
        }

        run.Output("advantages", advantages);
        if (run.Case.Text("multi_objective_aggregation") != "normalize_then_sum")
        {
            run.Output("rewards", [.. sums.Select(sum => sum ?? 0)], [.. sums.Select(sum => (byte)(sum is null ? 0 : 1))]);
            run.Output("std_rewards", deviations);
            run.Output("is_std_zero", equal);
        }
    }

    // The KL of the completion is part of its reward.
    private static void RlooAdvantages(GoldenRun run)
    {
        (_, _, float?[] sums) = Rewards(run);
        float beta = run.Case.Number("beta");
        if (beta != 0)
        {
            float[] mask = run.Floats("completion_mask");
            Tensor kl = run.New([mask.Length]);
            Ops.KlPenalty(run.Vector("old_per_token_logps"), run.Vector("ref_per_token_logps"), kl, default, KlForm.K1);
            float[] distances = new Completions(run, kl, sums.Length, mask.Length / sums.Length, mask).Sums(kl);
            sums = [.. sums.Zip(distances, (sum, d) => sum - beta * d)];
        }

        float[] advantages = new float[sums.Length];
        new AdvantageEstimator(AdvantageBaseline.LeaveOneOut, AdvantageScale.None, 0).Estimate(run.Arena, sums, run.Case.Integer("num_generations"), advantages);
        if (run.Case.Flag("normalize_advantages"))
            AdvantageEstimator.Normalize(sums, 1e-4f, advantages);
        run.Output("advantages", advantages);
        run.Output("rewards", [.. sums.Select(sum => sum ?? 0)], [.. sums.Select(sum => (byte)(sum is null ? 0 : 1))]);
    }

    private static void GroupAdvantages(GoldenRun run)
    {
        if (run.Case.Name.StartsWith("openrlhf", StringComparison.Ordinal))
            OpenRlhf(run);
        else
            Verl(run);
    }

    // Groups of unequal size, as rows of the largest with the rest left out. A group of one has no baseline: the engine gives
    // 0 where the other system passes the raw score on, and those rows are not compared.
    private static void Verl(GoldenRun run)
    {
        float[] mask = run.Floats("response_mask");
        int steps = run.Input("response_mask").Width, rows = mask.Length / steps;
        byte[] tokens = [.. mask.Select(m => (byte)m)];
        if (run.Case.Name == "verl_reinforce_pp")
        {
            Tensor returns = Returns(run, run.Vector("token_level_rewards"), rows, steps, run.Case.Number("gamma"), tokens);
            run.Output("returns", returns, tokens);
            Ops.Whiten(returns, run.From(tokens, returns.Shape), returns, default);
            run.Output("advantages", returns);
            return;
        }

        int[] index = run.Input("index").Ints(), place = new int[rows], filled = new int[index.Max() + 1];
        int size = index.GroupBy(group => group).Max(group => group.Count());
        float[] scores = new Completions(run, run.Vector("token_level_rewards"), rows, steps, [.. mask.Select(_ => 1f)]).Sums(run.Vector("token_level_rewards"));
        float?[] rewards = new float?[filled.Length * size];
        for (int row = 0; row < rows; row++)
        {
            place[row] = index[row] * size + filled[index[row]]++;
            rewards[place[row]] = scores[row];
        }

        bool isRloo = run.Case.Name == "verl_rloo", isWhitened = run.Case.Name == "verl_reinforce_pp_baseline";
        float[] made = new float[rewards.Length];
        new AdvantageEstimator(isRloo ? AdvantageBaseline.LeaveOneOut : AdvantageBaseline.Group,
            run.Case.Flag("norm_adv_by_std_in_grpo") ? AdvantageScale.Group : AdvantageScale.None, 1e-6f).Estimate(run.Arena, rewards, size, made);
        float[] spread = [.. mask.Select((m, i) => m * made[place[i / steps]])];
        if (isWhitened)
        {
            // A group of one has the raw score there, which the others' mean sees.
            spread = [.. mask.Select((m, i) => m * (filled[index[i / steps]] > 1 ? made[place[i / steps]] : scores[i / steps]))];
            Tensor x = run.From(spread);
            Ops.Whiten(x, run.From(tokens, x.Shape), x, default);
            spread = x.ToArray<float>();
        }

        byte[] where = [.. mask.Select((_, i) => (byte)(isWhitened || filled[index[i / steps]] > 1 ? 1 : 0))];
        run.Output("advantages", spread, where);
        run.Output("returns", spread, where);
    }

    // Rewards of consecutive groups get a baseline, then the score of a completion lands on its last token beside - beta KL, and
    // the return of a token is its advantage, whitened over the batch by the population variance for some estimators.
    private static void OpenRlhf(GoldenRun run)
    {
        string kind = run.Case.Text("estimator");
        float[] scores = run.Floats("rewards"), mask = run.Floats("action_mask");
        int rows = scores.Length, steps = mask.Length / rows;
        int[] index = run.Input("index").Ints();
        float?[] ordered = new float?[rows];
        for (int i = 0; i < rows; i++)
            ordered[index[i]] = scores[i];
        float[] made = new float[rows];
        if (kind is "rloo" or "reinforce_baseline" or "group_norm")
        {
            new AdvantageEstimator(kind == "rloo" ? AdvantageBaseline.LeaveOneOut : AdvantageBaseline.Group,
                kind == "group_norm" ? AdvantageScale.Group : AdvantageScale.None, 1e-9f).Estimate(run.Arena, ordered, run.Case.Integer("n_samples_per_prompt"), made);
        }
        else
        {
            made = [.. ordered.Select(score => score!.Value)];
        }

        byte[] tokens = [.. mask.Select(m => (byte)m)];
        Tensor rewards = RlhfRunners.TokenRewards(run, run.Vector("kl"), [.. index.Select(i => made[i])], mask, steps);
        run.Output("reward_sum", new Completions(run, rewards, rows, steps, [.. mask.Select(_ => 1f)]).Sums(rewards));
        Tensor advantages, returns;
        if (kind == "gae")
        {
            (advantages, returns) = (run.New([rows, steps]), run.New([rows, steps]));
            Tensor values = run.New([mask.Length]);
            Ops.Multiply(run.Vector("values"), run.From(mask), values);
            Ops.Multiply(rewards, run.From(mask), rewards);
            Ops.Gae(rewards.Reshape([rows, steps]), values, default, default, default, default, default, advantages, returns,
                run.Case.Number("gamma"), run.Case.Number("lambd"));
        }
        else
        {
            Ops.Multiply(rewards, run.From(mask), rewards);
            advantages = returns = Returns(run, rewards, rows, steps, run.Case.Number("gamma"), []);
        }

        run.Output("returns", returns);
        if (kind is "gae" or "reinforce" or "reinforce_baseline")
        {
            Tensor whitened = run.New([rows, steps]);
            Ops.Whiten(advantages, run.From(tokens, [rows, steps]), whitened, default, epsilon: 1e-8f, ddof: 0);
            run.Output("advantages", whitened, tokens);
            return;
        }

        run.Output("advantages", advantages);
    }

    // Returns to go are advantages with values 0 and lambda 1.
    private static Tensor Returns(GoldenRun run, Tensor rewards, int rows, int steps, float gamma, byte[] mask)
    {
        Tensor values = run.New([rows, steps]), advantages = run.New([rows, steps]), returns = run.New([rows, steps]);
        Ops.Gae(rewards.Reshape([rows, steps]), values, default, default, default, default, mask.Length == 0 ? default : run.From(mask, [rows, steps]),
            advantages, returns, gamma, 1);
        return returns;
    }
}
