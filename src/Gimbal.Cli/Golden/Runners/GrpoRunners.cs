using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>The token loss of GRPO with its normalisers.</summary>
internal static class GrpoRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["grpo_loss"] = FromLogprobs,
        ["grpo_loss_from_logits"] = FromLogits,
    };

    private static void FromLogprobs(GoldenRun run)
    {
        float[] mask = run.Floats("completion_mask");
        if (run.Has("tool_mask"))
            mask = [.. mask.Zip(run.Floats("tool_mask"), (m, tool) => m * tool)];
        Tensor logprobs = run.Vector("per_token_logps");
        run.Gradient("per_token_logps", Loss(run, logprobs, mask, run.Input("completion_mask").Width));
        if (run.Has("entropies"))
            run.Output("metric.entropy", Weights.Sum(run.Floats("entropies"), Weights.TokenMean(mask)));
    }

    // Logits cover prompt and completion; those of the position before a token predict it.
    private static void FromLogits(GoldenRun run)
    {
        int rows = run.Input("completion_ids").Rows, width = run.Input("completion_ids").Width;
        int prompt = run.Input("prompt_ids").Width, steps = run.Input("logits").Shape[1];
        int[] ids = run.Input("completion_ids").Ints();
        int[] targets = [.. Enumerable.Repeat(-1, rows * steps)];
        List<int> places = [];
        for (int i = 0; i < ids.Length; i++)
        {
            int place = i / width * steps + prompt - 1 + i % width;
            targets[place] = ids[i];
            places.Add(place);
        }

        Logprobs head = new(run, run.Tensor("logits"), targets, run.Case.Number("temperature"));
        float[] all = head.Value.ToArray<float>(), entropies = head.Entropy.ToArray<float>();
        float[] mask = run.Floats("completion_mask");
        Tensor gradient = Loss(run, run.From([.. places.Select(place => all[place])]), mask, width);
        float[] d = gradient.ToArray<float>(), spread = new float[targets.Length];
        for (int i = 0; i < d.Length; i++)
            spread[places[i]] = d[i];
        run.Gradient("logits", head.Backward(run.From(spread)));
        run.Output("metric.entropy", Weights.Sum([.. places.Select(place => entropies[place])], Weights.TokenMean(mask)));
    }

    /// <summary>Compares the loss; its gradient by log-probability.</summary>
    public static Tensor Loss(GoldenRun run, Tensor logprobs, float[] mask, int width)
    {
        GoldenCase c = run.Case;
        if (c.Text("importance_sampling_level") != "token" || c.Has("off_policy_mask_threshold") || c.Flag("use_bias_correction_kl") ||
            c.Flag("use_is_ratio") || c.Number("entropy_coef", 0) != 0)
            throw new UnsupportedCaseException("sequence ratios, corrections and entropy terms are dialects to come");
        int rows = mask.Length / width;
        float scale = 1f / c.Integer("grad_accum", 1);
        float[] weights = c.Text("loss_type") switch
        {
            "grpo" => Scaled(Weights.SequenceMean(mask, width), scale),
            "bnpo" => Scaled(Weights.TokenMean(mask), scale),
            "dr_grpo" => Scaled(Weights.Over(mask, rows * c.Integer("max_completion_length", width)), scale),
            "dapo" => run.Has("num_items_in_batch") ? Weights.Over(mask, run.Input("num_items_in_batch").Data[0])
                : c.Has("num_items_in_batch") ? Weights.Over(mask, c.Number("num_items_in_batch")) : Weights.TokenMean(mask),
            string other => throw new UnsupportedCaseException($"{other} is a dialect to come"),
        };
        float[] advantages = run.Floats("advantages");
        float[] perToken = advantages.Length == mask.Length ? advantages : [.. mask.Select((_, i) => advantages[i / width])];
        // Without old log-probabilities the batch is on policy: old is the value itself.
        Tensor old = run.Has("old_per_token_logps") ? run.Vector("old_per_token_logps") : logprobs;
        float beta = c.Number("beta", 0);
        Tensor reference = beta != 0 ? run.Vector("ref_per_token_logps") : default;
        Tensor losses = run.New(logprobs.Shape), gradient = run.New(logprobs.Shape), statistics = run.New([9], DType.Float64);
        Ops.GrpoLoss(logprobs, old, reference, run.From(perToken), run.From(weights), losses, gradient, statistics,
            c.Number("epsilon_low"), c.Number("epsilon_high"), c.Number("delta", 0), beta);
        double[] sums = statistics.ToArray<double>();
        double tokens = mask.Sum();
        run.Output("loss", sums[0]);
        if (beta != 0)
            run.Output("metric.kl", sums[8] / tokens);
        run.Output("metric.clip_ratio/low_mean", sums[3] / tokens);
        if (!c.Has("delta")) // With it the other system counts after the upper bound was laid on the ratio.
        {
            run.Output("metric.clip_ratio/high_mean", sums[4] / tokens);
            run.Output("metric.clip_ratio/region_mean", (sums[3] + sums[4]) / tokens);
            run.Output("metric.clip", (sums[3] + sums[4]) / tokens);
        }

        return gradient;
    }

    private static float[] Scaled(float[] weights, float scale) => [.. weights.Select(w => w * scale)];
}
