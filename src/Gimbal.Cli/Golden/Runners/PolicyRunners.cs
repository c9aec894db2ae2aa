using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Clipped policy and value losses, KL penalties, Gaussian policies.</summary>
internal static class PolicyRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["ppo_policy_loss"] = PpoPolicyLoss,
        ["value_loss"] = ClippedValueLoss,
        ["approx_kl"] = ApproxKl,
        ["gaussian_policy"] = GaussianPolicy,
    };

    private static void PpoPolicyLoss(GoldenRun run)
    {
        switch (run.Case.Name.Split('_')[0])
        {
            case "trl":
                TrlPolicyLoss(run);
                break;
            case "openrlhf":
                OpenRlhfPolicyLoss(run);
                break;
            default:
                VerlPolicyLoss(run);
                break;
        }
    }

    private static void TrlPolicyLoss(GoldenRun run)
    {
        float[] mask = [.. run.Floats("padding_mask").Select(padding => 1 - padding)];
        Tensor logprobs = run.Vector("new_logprobs"), old = run.Vector("old_logprobs"), advantages = run.Vector("advantages");
        float clip = run.Case.Number("cliprange");
        ClippedLoss loss = new(run, logprobs, old, advantages, Weights.TokenMean(mask), clip, clip);
        run.Output("loss", loss.Value);
        run.Output("pg_clipfrac", loss.ClippedFraction);
        run.Gradient("new_logprobs", loss.Gradient);

        // The sum of ratios of one token is its ratio. On padding the other system writes 1.
        float[] ratios = new float[mask.Length];
        for (int i = 0; i < ratios.Length; i++)
        {
            ClippedLoss one = new(run, logprobs.RowRange(i, 1), old.RowRange(i, 1), advantages.RowRange(i, 1), [1], clip, clip);
            ratios[i] = (float)one.Statistics[7];
        }

        run.Output("ratio", ratios, [.. mask.Select(m => (byte)m)]);
    }

    private static void OpenRlhfPolicyLoss(GoldenRun run)
    {
        if (run.Case.Has("policy_loss_type") || run.Case.Flag("enable_vllm_is_correction"))
        {
            OpenRlhfSurrogate(run);
            return;
        }

        float[] mask = run.Floats("action_mask");
        float[] weights = run.Case.Has("token_level_loss") && !run.Case.Flag("token_level_loss")
            ? Weights.SequenceMean(mask, run.Input("action_mask").Width, skipEmpty: true) : Weights.TokenMean(mask);
        ClippedLoss loss = new(run, run.Vector("log_probs"), run.Vector("old_log_probs"), run.Vector("advantages"), weights,
            run.Case.Number("clip_eps_low", 0.2f), run.Case.Number("clip_eps_high", 0.2f), run.Case.Number("dual_clip", 0));
        run.Output("loss", loss.Value);
        // A mean over rows of the rows' shares, where it is not over all tokens: the counts of the engine are over tokens.
        if (run.Case.Has("token_level_loss") && !run.Case.Flag("token_level_loss"))
            run.Leave("clip_ratio", "ppo_kl");
        else
            Means(run, loss, "clip_ratio");
        run.Gradient("log_probs", loss.Gradient);
    }

    // gspo has one ratio for a completion, and is always a mean of sequences; with a correction the tokens are weighted by the
    // ratio of the old policy to the rollout's.
    private static void OpenRlhfSurrogate(GoldenRun run)
    {
        bool gspo = run.Case.Text("policy_loss_type") == "gspo";
        float[] mask = run.Floats("action_mask");
        Tensor corrections = default;
        if (run.Case.Flag("enable_vllm_is_correction"))
        {
            float[] old = run.Floats("old_log_probs"), sampler = run.Floats("rollout_log_probs"), weights = new float[old.Length];
            RolloutCorrection kind = run.Case.Text("vllm_is_correction_type") == "tis" ? RolloutCorrection.TruncateTokens : RolloutCorrection.MaskTokens;
            ImportanceCorrection.Write(kind, run.Case.List("vllm_is_truncated_threshold")[0].GetSingle(),
                run.Case.List("vllm_is_truncated_threshold")[1].GetSingle(), old, sampler, weights);
            corrections = run.From(weights);
            run.Output("vllm_kl", -MeanLogRatio(run, old, sampler, mask));
        }

        (Tensor gradient, double[] sums) = Surrogate(run, "log_probs", "old_log_probs", mask,
            gspo || (run.Case.Has("token_level_loss") && !run.Case.Flag("token_level_loss"))
                ? Weights.SequenceMean(mask, run.Input("action_mask").Width, skipEmpty: true) : Weights.TokenMean(mask),
            new() { ClipLow = run.Case.Number("clip_eps_low", 0.2f), ClipHigh = run.Case.Number("clip_eps_high", 0.2f), DualClip = run.Case.Number("dual_clip", 0) },
            gspo ? RatioLevel.Sequence : RatioLevel.Token, corrections);
        run.Output("loss", sums[0]);
        run.Gradient("log_probs", gradient);
        if (gspo)
        {
            run.Leave("clip_ratio", "ppo_kl"); // means of completions' shares
            return;
        }

        run.Output("clip_ratio", (sums[3] + sums[4]) / sums[2]);
        run.Output("ppo_kl", sums[5] / sums[2]);
    }

    private static double MeanLogRatio(GoldenRun run, float[] logprobs, float[] reference, float[] mask)
    {
        Tensor statistics = run.New([8], DType.Float64);
        Ops.PpoClipLoss(run.From(logprobs), run.From(reference), run.New([mask.Length]), run.From(mask), default, default, statistics, 0, 0);
        double[] sums = statistics.ToArray<double>();
        return -sums[5] / sums[2];
    }

    private static (Tensor Gradient, double[] Sums) Surrogate(GoldenRun run, string policy, string old, float[] mask, float[] weights,
        PolicyObjective objective, RatioLevel level, Tensor corrections = default)
    {
        int width = run.Input(policy).Width, rows = run.Input(policy).Rows;
        Tensor gradient = run.New([mask.Length]), statistics = run.New([9], DType.Float64);
        new SurrogateLoss(objective, level).Compute(run.Arena, new PolicyTokens(run.Vector(policy), run.Vector(old), default, run.Vector("advantages"),
            corrections, run.From(weights), run.From(mask), run.From([.. Enumerable.Range(0, rows + 1).Select(row => row * width)])), gradient, statistics);
        return (gradient, statistics.ToArray<double>());
    }

    private static void VerlPolicyLoss(GoldenRun run)
    {
        float[] mask = run.Floats("response_mask");
        int width = run.Input("response_mask").Width, rows = mask.Length / width;
        float[] weights = run.Case.Text("loss_agg_mode") switch
        {
            "token-mean" => Weights.TokenMean(mask),
            "seq-mean-token-sum" => Weights.Over(mask, rows),
            "seq-mean-token-mean" => Weights.SequenceMean(mask, width),
            "seq-mean-token-sum-norm" => Weights.Over(mask, width),
            string other => throw new UnsupportedCaseException($"aggregation {other}"),
        };
        float clip = run.Case.Number("clip_ratio"), low = run.Case.Number("clip_ratio_low", clip), high = run.Case.Number("clip_ratio_high", clip);
        run.Leave("pg_clipfrac_lower");
        if (run.Case.Text("policy_loss", "vanilla") is var kind && kind != "vanilla")
        {
            (Tensor gradient, double[] sums) = Surrogate(run, "log_prob", "old_log_prob", mask, weights,
                new() { Surrogate = kind == "cispo" ? PolicySurrogate.Cispo : PolicySurrogate.Clip, ClipLow = low, ClipHigh = high },
                kind == "gspo" ? RatioLevel.SequenceToken : RatioLevel.Token);
            run.Output("loss", sums[0]);
            run.Output("ppo_kl", -MeanLogRatio(run, run.Floats("log_prob"), run.Floats("old_log_prob"), mask));
            run.Gradient("log_prob", gradient);
            if (kind == "gspo")
                run.Output("pg_clipfrac", (sums[3] + sums[4]) / sums[2]);
            else
                run.Leave("pg_clipfrac"); // every ratio outside the range; the engine counts by the advantage's sign
            return;
        }

        ClippedLoss loss = new(run, run.Vector("log_prob"), run.Vector("old_log_prob"), run.Vector("advantages"), weights,
            low, high, run.Case.Number("clip_ratio_c", 3));
        run.Output("loss", loss.Value);
        Means(run, loss, "pg_clipfrac");
        run.Gradient("log_prob", loss.Gradient);
    }

    private static void Means(GoldenRun run, ClippedLoss loss, string clippedName)
    {
        run.Output(clippedName, loss.ClippedFraction);
        run.Output("ppo_kl", loss.Statistics[5] / loss.Statistics[2]);
    }

    private static void ClippedValueLoss(GoldenRun run)
    {
        bool verl = run.Case.Name.StartsWith("verl", StringComparison.Ordinal);
        string mask = verl ? "response_mask" : "action_mask", values = verl ? "vpreds" : "values", old = verl ? "values" : "old_values";
        float[] weights = verl || run.Case.Flag("token_level_loss")
            ? Weights.TokenMean(run.Floats(mask)) : Weights.SequenceMean(run.Floats(mask), run.Input(mask).Width, skipEmpty: true);
        ValueLoss loss = new(run, run.Vector(values), run.Vector(old), run.Vector("returns"), weights,
            run.Case.Number(verl ? "cliprange_value" : "clip_eps"));
        run.Output("loss", loss.Value);
        run.Output("vf_clipfrac", loss.ClippedFraction);
        run.Gradient(values, loss.Gradient);
    }

    private static void ApproxKl(GoldenRun run)
    {
        string form = run.Case.Text("kl_estimator", run.Case.Text("kl_penalty"));
        string policy = run.Has("log_probs") ? "log_probs" : "logprob";
        float clamp = run.Case.Has("clamp") ? run.Case.List("clamp")[1].GetSingle() : form == "low_var_kl" ? 10 : 0;
        Tensor logprobs = run.Vector(policy), kl = run.New(logprobs.Shape), dkl = run.New(logprobs.Shape);
        Ops.KlPenalty(logprobs, run.Vector(policy == "log_probs" ? "log_probs_base" : "ref_logprob"), kl, dkl, form switch
        {
            "k1" or "kl" => KlForm.K1,
            "k2" or "mse" => KlForm.K2,
            "k3" or "low_var_kl" => KlForm.K3,
            _ => throw new UnsupportedCaseException($"estimator {form}"),
        }, clamp);
        run.Output("kl", kl);
        run.Gradient(policy, [.. dkl.ToArray<float>().Zip(run.Floats("grad_output.kl"), (d, g) => d * g)]);
    }

    private static void GaussianPolicy(GoldenRun run)
    {
        if (run.Has("pre_tanh"))
        {
            SquashedPolicy(run);
            return;
        }

        Tensor mean = run.Tensor("mean"), logStd = run.Vector("log_std"), actions = run.Tensor("actions");
        Tensor logprob = run.New([mean.Rows]), entropy = run.New([mean.Rows]);
        Ops.GaussianLogprob(mean, logStd, actions, logprob, entropy);
        run.Output("log_prob", logprob);
        run.Output("entropy", entropy);
        Tensor dmean = run.New(mean.Shape), dlogStd = run.New(logStd.Shape);
        Ops.GaussianLogprobBackward(mean, logStd, actions, run.Vector("grad_output.log_prob"), run.Vector("grad_output.entropy"),
            dmean, dlogStd);
        run.Gradient("mean", dmean);
        run.Gradient("log_std", dlogStd);
    }

    // The action's own number before tanh is given, or found back from it. No gradient flows into it.
    private static void SquashedPolicy(GoldenRun run)
    {
        Tensor mean = run.Tensor("mean"), logStd = run.Vector("log_std");
        Tensor dmean = run.New(mean.Shape), dlogStd = run.New(logStd.Shape);
        foreach ((string output, Tensor x) in new[]
        {
            ("log_prob", run.From([.. run.Floats("actions").Select(SquashedActions.Before)], mean.Shape)),
            ("log_prob_from_pre_tanh", run.Tensor("pre_tanh")),
        })
        {
            Tensor logprob = run.New([mean.Rows]), d = run.New(mean.Shape);
            Ops.GaussianLogprob(mean, logStd, x, logprob, default);
            Ops.TanhSquash(x, default, logprob, run.Case.Number("epsilon"));
            run.Output(output, logprob);
            Ops.GaussianLogprobBackward(mean, logStd, x, run.Vector($"grad_output.{output}"), default, d, dlogStd);
            Ops.Add(dmean, d, dmean);
        }

        run.Gradient("mean", dmean);
        run.Gradient("log_std", dlogStd);
    }
}

/// <summary>One call of the clipped policy objective.</summary>
internal sealed class ClippedLoss
{
    public ClippedLoss(GoldenRun run, Tensor logprobs, Tensor old, Tensor advantages, float[] weights, float clipLow,
        float clipHigh, float dualClip = 0)
    {
        Tensor losses = run.New(logprobs.Shape), statistics = run.New([8], DType.Float64);
        Gradient = run.New(logprobs.Shape);
        Ops.PpoClipLoss(logprobs, old, advantages, run.From(weights), losses, Gradient, statistics, clipLow, clipHigh, dualClip);
        Statistics = statistics.ToArray<double>();
    }

    public Tensor Gradient { get; }

    /// <summary>The eight sums of <c>gb_ppo_clip_loss</c>.</summary>
    public double[] Statistics { get; }

    public double Value => Statistics[0];

    /// <summary>Share of the tokens of which the clipped side was taken.</summary>
    public double ClippedFraction => (Statistics[3] + Statistics[4]) / Statistics[2];
}
