using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Losses over pairs: DPO and the reward model.</summary>
internal static class PreferenceRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["dpo_loss"] = DpoLoss,
        ["dpo_loss_from_logits"] = DpoLossFromLogits,
        ["reward_pairwise_loss"] = RewardPairwiseLoss,
    };

    private static void DpoLoss(GoldenRun run)
    {
        float[] chosen = run.Floats("chosen_logps"), rejected = run.Floats("rejected_logps");
        float[] refChosen = run.Floats("ref_chosen_logps"), refRejected = run.Floats("ref_rejected_logps");
        string kind = run.Case.Name.StartsWith("openrlhf", StringComparison.Ordinal)
            ? run.Case.Flag("ipo") ? "ipo" : "sigmoid"
            : run.Case.List("loss_type") is { Count: 1 } types ? types[0].GetString()! : "several losses";
        if (kind is not ("sigmoid" or "sigmoid_norm") || run.Case.Text("f_divergence_type", "reverse_kl") != "reverse_kl")
            throw new UnsupportedCaseException("of the family only the sigmoid loss is there; the others are dialects to come");

        // TRL's sigmoid loss ignores the smoothing that OpenRLHF's has. The length-normalised form takes means instead of sums.
        float smoothing = run.Case.Has("loss_type") ? 0 : run.Case.Number("label_smoothing", 0);
        float[] lengths = kind == "sigmoid_norm" ? Lengths(run) : [.. Enumerable.Repeat(1f, 2 * chosen.Length)];
        float[] PerToken(float[] sums, int side) => [.. sums.Select((v, i) => v / lengths[side * chosen.Length + i])];
        Pairs pairs = new(run, PerToken(chosen, 0), PerToken(rejected, 1), PerToken(refChosen, 0), PerToken(refRejected, 1), smoothing);
        run.Output("loss", pairs.Loss);
        run.Output("per_sequence_loss", pairs.Losses);
        if (kind == "sigmoid")
        {
            pairs.Rewards();
        }
        else
        {
            run.Leave("chosen_rewards", "rejected_rewards", "reward_accuracy", "margins");
        }

        run.Gradient("chosen_logps", PerToken(pairs.ChosenGradient.ToArray<float>(), 0));
        run.Gradient("rejected_logps", PerToken(pairs.RejectedGradient.ToArray<float>(), 1));
    }

    private static float[] Lengths(GoldenRun run)
    {
        GoldenTensor mask = run.Input("completion_mask");
        return [.. Enumerable.Range(0, mask.Rows).Select(row => (float)mask.Data.AsSpan(row * mask.Width, mask.Width).ToArray().Sum())];
    }

    // Rows are [chosen; rejected]; logits at t predict the token at t + 1; the mask selects target tokens.
    private static void DpoLossFromLogits(GoldenRun run)
    {
        if (run.Case.List("loss_type") is not [var only] || only.GetString() != "sigmoid" || run.Case.Number("ld_alpha", 1) != 1)
            throw new UnsupportedCaseException("of the family only the sigmoid loss is there; the others are dialects to come");
        int steps = run.Input("input_ids").Width, rows = run.Input("input_ids").Rows;
        int[] ids = run.Input("input_ids").Ints(), mask = run.Input("completion_mask").Ints();
        int[] targets = [.. ids.Select((_, i) => (i + 1) % steps == 0 || mask[i + 1] == 0 ? -1 : ids[i + 1])];
        Logprobs policy = new(run, run.Tensor("logits"), targets, 1), reference = new(run, run.Tensor("ref_logits"), targets, 1);
        run.Gradient("logits", policy.Backward(Summed(run, policy.Value, reference.Value, rows, steps, 1)));
        float[] kept = [.. targets.Select(target => target < 0 ? 0f : 1f)];
        run.Output("metric.entropy", Weights.Sum(policy.Entropy.ToArray<float>(), Weights.TokenMean(kept)));
    }

    /// <summary>DPO over sums of tokens, each divided by its length; the gradient of every token's log-probability.</summary>
    public static Tensor Summed(GoldenRun run, Tensor policy, Tensor reference, int rows, int steps, params float[] lengths)
    {
        int pairs = rows / 2;
        Tensor starts = run.From([.. Enumerable.Range(0, rows + 1).Select(row => row * steps)]);
        float Length(int row) => lengths.Length == 1 ? lengths[0] : lengths[row];
        float[] Sums(Tensor logprobs)
        {
            Tensor sums = run.New([rows]);
            Ops.SegmentSum(logprobs, starts, sums);
            return [.. sums.ToArray<float>().Select((sum, row) => sum / Length(row))];
        }

        float[] p = Sums(policy), r = Sums(reference);
        Pairs loss = new(run, p[..pairs], p[pairs..], r[..pairs], r[pairs..], 0);
        run.Output("loss", loss.Loss);
        run.Output("metric.logps/chosen", p[..pairs].Average());
        run.Output("metric.logps/rejected", p[pairs..].Average());
        run.Output("metric.rewards/chosen", loss.Statistics[3] / pairs);
        run.Output("metric.rewards/rejected", loss.Statistics[4] / pairs);
        run.Output("metric.rewards/accuracies", loss.Statistics[5] / pairs);
        run.Output("metric.rewards/margins", (loss.Statistics[3] - loss.Statistics[4]) / pairs);
        float[] both = [.. loss.ChosenGradient.ToArray<float>(), .. loss.RejectedGradient.ToArray<float>()];
        Tensor gradient = run.New([rows * steps]);
        Ops.SegmentSumBackward(run.From([.. both.Select((d, row) => d / Length(row))]), starts, gradient);
        return gradient;
    }

    private static void RewardPairwiseLoss(GoldenRun run)
    {
        bool trl = run.Has("rewards");
        float[] rewards = trl ? run.Floats("rewards") : [.. run.Floats("chosen_reward"), .. run.Floats("reject_reward")];
        int pairs = rewards.Length / 2;
        Tensor losses = run.New([pairs]), dchosen = run.New([pairs]), drejected = run.New([pairs]), statistics = run.New([6], DType.Float64);
        Ops.RewardLoss(run.From(rewards[..pairs]), run.From(rewards[pairs..]), run.Vector("margin"),
            run.From([.. Enumerable.Repeat(1f / pairs, pairs)]), losses, dchosen, drejected, statistics,
            run.Case.Number("center_rewards_coefficient", 0));
        double[] sums = statistics.ToArray<double>();
        run.Output("loss", sums[0]);
        run.Output("metric.mean_reward", (sums[3] + sums[4]) / (2 * pairs));
        run.Output("metric.margin", (sums[3] - sums[4]) / pairs);
        run.Output("metric.accuracy", sums[5] / pairs);
        run.Gradient("rewards", [.. dchosen.ToArray<float>(), .. drejected.ToArray<float>()]);
        run.Gradient("chosen_reward", dchosen);
        run.Gradient("reject_reward", drejected);
    }
}

/// <summary>One call of the DPO loss, its mean over pairs.</summary>
internal sealed class Pairs
{
    private readonly GoldenRun run;
    private readonly Tensor[] sides;
    private readonly float beta, smoothing;

    public Pairs(GoldenRun run, float[] chosen, float[] rejected, float[] refChosen, float[] refRejected, float smoothing)
    {
        (this.run, this.smoothing) = (run, smoothing);
        beta = run.Case.Number("beta");
        sides = [run.From(chosen), run.From(rejected), run.From(refChosen), run.From(refRejected)];
        (Losses, ChosenGradient, RejectedGradient) = (run.New([chosen.Length]), run.New([chosen.Length]), run.New([chosen.Length]));
        Statistics = Call(0, chosen.Length, 1f / chosen.Length, Losses, ChosenGradient, RejectedGradient);
        if (Losses.Count > 0)
            Call(0, chosen.Length, 1, Losses, run.New([chosen.Length]), run.New([chosen.Length]));
    }

    /// <summary>Losses of the pairs, before the mean.</summary>
    public Tensor Losses { get; }

    public Tensor ChosenGradient { get; }

    public Tensor RejectedGradient { get; }

    /// <summary>The six sums of <c>gb_dpo_loss</c>.</summary>
    public double[] Statistics { get; }

    public double Loss => Statistics[0];

    /// <summary>Implicit rewards, from the sums of one pair at a time.</summary>
    public void Rewards()
    {
        int count = (int)Losses.Count;
        float[] chosen = new float[count], rejected = new float[count];
        for (int i = 0; i < count; i++)
        {
            double[] one = Call(i, 1, 1, run.New([1]), run.New([1]), run.New([1]));
            (chosen[i], rejected[i]) = ((float)one[3], (float)one[4]);
        }

        run.Output("chosen_rewards", chosen);
        run.Output("rejected_rewards", rejected);
        run.Output("reward_accuracy", Statistics[5] / count);
        run.Output("margins", [.. chosen.Zip(rejected, (c, r) => c - r)]);
    }

    private double[] Call(int start, int count, float weight, Tensor losses, Tensor dchosen, Tensor drejected)
    {
        Tensor statistics = run.New([6], DType.Float64);
        Tensor Side(int side) => sides[side].RowRange(start, count);
        Ops.DpoLoss(Side(0), Side(1), Side(2), Side(3), run.From([.. Enumerable.Repeat(weight, count)]), losses, dchosen,
            drejected, statistics, beta, smoothing);
        return statistics.ToArray<double>();
    }
}
