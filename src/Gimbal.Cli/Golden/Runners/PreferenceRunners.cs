using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Losses over pairs: the family of DPO, CPO, SimPO and ORPO, and the reward model.</summary>
internal static class PreferenceRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["dpo_loss"] = DpoLoss,
        ["dpo_loss_from_logits"] = DpoLossFromLogits,
        ["cpo_simpo_loss"] = CpoLoss,
        ["cpo_orpo_from_logits"] = CpoOrpoFromLogits,
        ["orpo_loss"] = OrpoLoss,
        ["reward_pairwise_loss"] = RewardPairwiseLoss,
    };

    private static void DpoLoss(GoldenRun run)
    {
        Pairs pairs = new(run, run.Floats("chosen_logps"), run.Floats("rejected_logps"), run.Floats("ref_chosen_logps"),
            run.Floats("ref_rejected_logps"));
        float[] lengths = run.Has("completion_mask") ? Lengths(run.Input("completion_mask")) : [];
        foreach (Term term in Terms(run))
            pairs.Add(term.Objective, term.Matching, term.IsMean ? lengths : []);
        run.Output("loss", pairs.Loss);
        run.Output("per_sequence_loss", pairs.Losses);
        pairs.Rewards();
        run.Gradient("chosen_logps", pairs.ChosenGradient);
        run.Gradient("rejected_logps", pairs.RejectedGradient);
    }

    /// <summary>One of the losses of a case.</summary>
    /// <param name="Objective">Formula and numbers.</param>
    /// <param name="Matching">Which completions meet.</param>
    /// <param name="IsMean">TRL's ipo and sigmoid_norm are of means over tokens.</param>
    private sealed record Term(PreferenceObjective Objective, PairMatching Matching, bool IsMean);

    // OpenRLHF's loss is cDPO or IPO of sums. TRL's sigmoid ignores the smoothing; its names are those of dpo.loss, and
    // sigmoid_norm is sigmoid with dpo.length_normalized. The negative log-likelihood is no loss of pairs.
    private static IEnumerable<Term> Terms(GoldenRun run)
    {
        float beta = run.Case.Number("beta"), smoothing = run.Case.Number("label_smoothing", 0);
        if (!run.Case.Has("loss_type"))
        {
            yield return new Term(new() { Form = run.Case.Flag("ipo") ? PreferenceForm.Ipo : PreferenceForm.Sigmoid, Beta = beta, LabelSmoothing = smoothing },
                PairMatching.OwnPair, false);
            yield break;
        }

        string[] names = [.. run.Case.List("loss_type").Select(name => name.GetString()!)];
        float[] weights = [.. run.Case.List("loss_weights").Select(weight => weight.GetSingle())];
        for (int i = 0; i < names.Length; i++)
        {
            if (names[i] == "sft")
                continue;
            PreferenceTerm term = PreferenceTerm.Known[names[i] == "sigmoid_norm" ? "sigmoid" : names[i]] with { Weight = weights[i] };
            DpoOptions options = new()
            {
                Beta = beta,
                LabelSmoothing = names[i].StartsWith("sigmoid", StringComparison.Ordinal) ? 0 : smoothing,
                Temperature = run.Case.Number("discopop_tau", 0.05f),
                Alpha = run.Case.Number("f_alpha_divergence_coef", 1),
                Divergence = run.Case.Text("f_divergence_type", "reverse_kl") switch
                {
                    "forward_kl" => RatioDivergence.ForwardKl,
                    "js_divergence" => RatioDivergence.JensenShannon,
                    "alpha_divergence" => RatioDivergence.Alpha,
                    _ => RatioDivergence.ReverseKl,
                },
            };
            yield return new Term(PreferenceLosses.Objective(options, term), term.Matching, names[i] is "ipo" or "sigmoid_norm");
        }
    }

    private static float[] Lengths(GoldenTensor mask) =>
        [.. Enumerable.Range(0, mask.Rows).Select(row => (float)Math.Max(1, mask.Data.AsSpan(row * mask.Width, mask.Width).ToArray().Sum()))];

    // Rows are [chosen; rejected]; logits at t predict the token at t + 1; the mask selects target tokens.
    private static void DpoLossFromLogits(GoldenRun run)
    {
        int steps = run.Input("input_ids").Width, rows = run.Input("input_ids").Rows;
        int[] ids = run.Input("input_ids").Ints(), mask = run.Input("completion_mask").Ints();
        int[] targets = [.. ids.Select((_, i) => (i + 1) % steps == 0 || mask[i + 1] == 0 ? -1 : ids[i + 1])];
        Logprobs policy = new(run, run.Tensor("logits"), targets, 1), reference = new(run, run.Tensor("ref_logits"), targets, 1);
        float[] multipliers = Tails(targets, rows, steps, run.Case.Number("ld_alpha", 1));
        Completions completions = new(run, policy.Value, rows, steps, multipliers);
        float[] lengths = [.. targets.Chunk(steps).Select(row => (float)row.Count(id => id >= 0))];
        Pairs pairs = new(run, completions.Chosen, completions.Rejected, completions.ChosenOf(reference.Value), completions.RejectedOf(reference.Value));
        foreach (Term term in Terms(run))
            pairs.Add(term.Objective, term.Matching, term.IsMean ? lengths : []);
        int sft = run.Case.List("loss_type").ToList().FindIndex(name => name.GetString() == "sft");
        float[] chosenTokens = [.. targets.Select((id, i) => id >= 0 && i < rows / 2 * steps ? 1f : 0)];
        float share = sft < 0 ? 0 : run.Case.List("loss_weights")[sft].GetSingle();
        (double likelihood, Tensor gradient) = Likelihood(run, policy.Value, Scaled(Weights.TokenMean(chosenTokens), share));
        run.Output("loss", pairs.Loss + likelihood);
        pairs.Rewards();
        run.Output("metric.logps/chosen", completions.Chosen.Average());
        run.Output("metric.logps/rejected", completions.Rejected.Average());
        run.Output("metric.entropy", Weights.Sum(policy.Entropy.ToArray<float>(), Weights.TokenMean([.. targets.Select(id => id < 0 ? 0f : 1f)])));
        Ops.Add(completions.Backward(pairs), gradient, gradient);
        run.Gradient("logits", policy.Backward(gradient));
    }

    // LD-DPO: tokens past the shorter completion of a pair weigh alpha.
    private static float[] Tails(int[] targets, int rows, int steps, float alpha)
    {
        float[] multipliers = new float[targets.Length];
        for (int row = 0; row < rows; row++)
        {
            int Length(int r) => targets.AsSpan(r % rows * steps, steps).ToArray().Count(id => id >= 0);
            int shared = Math.Min(Length(row), Length(row + rows / 2)), seen = 0;
            for (int i = row * steps; i < (row + 1) * steps; i++)
                multipliers[i] = targets[i] < 0 ? 0 : seen++ < shared ? 1 : alpha;
        }

        return multipliers;
    }

    /// <summary>The negative log-likelihood of weighted tokens, and its gradient.</summary>
    public static (double Loss, Tensor Gradient) Likelihood(GoldenRun run, Tensor logprobs, float[] weights, float power = 0)
    {
        Tensor gradient = run.New(logprobs.Shape), statistics = run.New([3], DType.Float64);
        Ops.NllLoss(logprobs, run.From(weights), default, gradient, statistics, power);
        return (statistics.ToArray<double>()[0], gradient);
    }

    public static float[] Scaled(float[] weights, float factor) => [.. weights.Select(w => w * factor)];

    // TRL's cpo_loss: without a reference; simpo has a margin, which alphapo's name says is of transformed probabilities.
    private static PreferenceObjective Cpo(GoldenRun run)
    {
        string type = run.Case.Text("loss_type", "sigmoid");
        float alpha = run.Case.Number("alpha", 0);
        return new PreferenceObjective
        {
            Form = type switch { "hinge" => PreferenceForm.Hinge, "ipo" => PreferenceForm.Ipo, _ => PreferenceForm.Sigmoid },
            Beta = run.Case.Number("beta"),
            LabelSmoothing = run.Case.Number("label_smoothing", 0),
            Margin = type == "simpo" ? run.Case.Number("simpo_gamma") : 0,
            Divergence = type == "simpo" && alpha != 0 ? PreferenceDivergence.Alpha : PreferenceDivergence.ReverseKl,
            Alpha = 1 - alpha,
        };
    }

    private static void CpoLoss(GoldenRun run)
    {
        Pairs pairs = new(run, run.Floats("chosen_logps"), run.Floats("rejected_logps"));
        pairs.Add(Cpo(run));
        run.Output("loss", pairs.Loss);
        run.Output("losses", pairs.Losses);
        pairs.Rewards(Cpo(run));
        run.Gradient("chosen_logps", pairs.ChosenGradient);
        run.Gradient("rejected_logps", pairs.RejectedGradient);
    }

    // What the other system calls losses is what it subtracts.
    private static void OrpoLoss(GoldenRun run)
    {
        Pairs pairs = new(run, run.Floats("chosen_logps"), run.Floats("rejected_logps"));
        pairs.Add(new() { Form = PreferenceForm.OddsRatio, Beta = run.Case.Number("beta") });
        run.Output("loss", pairs.Loss);
        run.Output("losses", [.. pairs.Losses.Select(loss => -loss)]);
        pairs.Rewards();
        run.Leave("log_odds_ratio", "log_odds_chosen");
        run.Gradient("chosen_logps", pairs.ChosenGradient);
        run.Gradient("rejected_logps", pairs.RejectedGradient);
    }

    // Labels are unshifted, -100 where the prompt is. ORPO's negative log-likelihood is over prompt and completion.
    private static void CpoOrpoFromLogits(GoldenRun run)
    {
        bool orpo = !run.Case.Has("loss_type");
        bool isMean = orpo || run.Case.Text("loss_type") is "simpo" or "ipo";
        int steps = run.Input("labels").Width, rows = run.Input("labels").Rows;
        int[] labels = run.Input("labels").Ints(), ids = run.Input("input_ids").Ints(), attended = run.Input("attention_mask").Ints();
        int[] Shifted(Func<int, int> at) => [.. labels.Select((_, i) => (i + 1) % steps == 0 ? -1 : Math.Max(-1, at(i + 1)))];
        int[] targets = Shifted(i => labels[i]), learnt = orpo ? Shifted(i => attended[i] == 0 ? -1 : ids[i]) : targets;
        Logprobs completion = new(run, run.Tensor("logits"), targets, 1), text = new(run, run.Tensor("logits"), learnt, 1);
        float[] multipliers = [.. targets.Chunk(steps).SelectMany(row => row.Select(id =>
            id < 0 ? 0 : isMean ? 1f / row.Count(t => t >= 0) : 1))];
        Completions completions = new(run, completion.Value, rows, steps, multipliers);
        Pairs pairs = new(run, completions.Chosen, completions.Rejected);
        pairs.Add(orpo ? new() { Form = PreferenceForm.OddsRatio, Beta = run.Case.Number("beta") } : Cpo(run));
        float[] chosen = [.. learnt.Select((id, i) => id >= 0 && i < rows / 2 * steps ? 1f : 0)];
        (double likelihood, Tensor gradient) = Likelihood(run, text.Value, Scaled(Weights.TokenMean(chosen), orpo ? 1 : run.Case.Number("cpo_alpha", 1)));
        run.Output("loss", pairs.Loss + likelihood);
        pairs.Rewards();
        run.Output("metric.logps/chosen", completions.Chosen.Average());
        run.Output("metric.logps/rejected", completions.Rejected.Average());
        Tensor both = text.Backward(gradient);
        Ops.Add(both, completion.Backward(completions.Backward(pairs)), both);
        run.Gradient("logits", both);
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

/// <summary>Log-probabilities of completions from those of their tokens: rows of steps, chosen then rejected.</summary>
internal sealed class Completions
{
    private readonly GoldenRun run;
    private readonly int rows, steps;
    private readonly Tensor starts, multipliers;
    private readonly float[] sums;

    public Completions(GoldenRun run, Tensor logprobs, int rows, int steps, float[] multipliers)
    {
        (this.run, this.rows, this.steps) = (run, rows, steps);
        starts = run.From([.. Enumerable.Range(0, rows + 1).Select(row => row * steps)]);
        this.multipliers = run.From(multipliers);
        sums = Sums(logprobs);
    }

    public float[] Chosen => sums[..(rows / 2)];

    public float[] Rejected => sums[(rows / 2)..];

    public float[] ChosenOf(Tensor logprobs) => Sums(logprobs)[..(rows / 2)];

    public float[] RejectedOf(Tensor logprobs) => Sums(logprobs)[(rows / 2)..];

    /// <summary>All rows.</summary>
    public float[] Sums(Tensor logprobs)
    {
        Tensor result = run.New([rows]), weighted = run.New([rows * steps]);
        Ops.Multiply(logprobs, multipliers, weighted);
        Ops.SegmentSum(weighted, starts, result);
        return result.ToArray<float>();
    }

    /// <summary>Gradient of every token's log-probability.</summary>
    public Tensor Backward(Pairs pairs) => Backward([.. pairs.ChosenGradient, .. pairs.RejectedGradient]);

    public Tensor Backward(float[] gradients)
    {
        Tensor tokens = run.New([rows * steps]);
        Ops.SegmentSumBackward(run.From(gradients), starts, tokens);
        Ops.Multiply(tokens, multipliers, tokens);
        return tokens;
    }
}
