using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>The token losses of GRPO's family with their normalisers, and RLOO's.</summary>
internal static class GrpoRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["grpo_loss"] = FromLogprobs,
        ["grpo_loss_from_logits"] = FromLogits,
        ["rloo_loss"] = RlooLoss,
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
        int rows = mask.Length / width;
        float[] advantages = run.Floats("advantages");
        float[] perToken = advantages.Length == mask.Length ? advantages : [.. mask.Select((_, i) => advantages[i / width])];
        float beta = c.Number("beta", 0);
        RatioLevel level = c.Text("importance_sampling_level") switch
        {
            "sequence" => RatioLevel.Sequence,
            "sequence_token" => RatioLevel.SequenceToken,
            _ => RatioLevel.Token,
        };
        SurrogateLoss loss = new(Objective(c, beta), level);
        Tensor gradient = run.New(logprobs.Shape), statistics = run.New([9], DType.Float64);
        // Without old log-probabilities the batch is on policy: old is the value itself.
        loss.Compute(run.Arena, new PolicyTokens(logprobs, run.Has("old_per_token_logps") ? run.Vector("old_per_token_logps") : logprobs,
            beta != 0 ? run.Vector("ref_per_token_logps") : default, run.From(perToken),
            c.Flag("use_is_ratio") ? run.Vector("importance_sampling_ratio") : default, run.From(LossWeights(run, mask, width)), run.From(mask),
            run.From([.. Enumerable.Range(0, rows + 1).Select(row => row * width)])), gradient, statistics);
        double[] sums = statistics.ToArray<double>();
        double tokens = mask.Sum(), bonus = EntropyBonus(run, mask);
        run.Output("loss", sums[0] - bonus);
        if (c.Text("loss_type") == "luspo" || level != RatioLevel.Token)
            return gradient; // the other system counts and averages over completions, or over padding too
        if (beta != 0)
            run.Output("metric.kl", sums[8] / tokens);
        run.Output("metric.cispo_clip_ratio", sums[4] / tokens);
        run.Output("metric.clip_ratio/low_mean", sums[3] / tokens);
        if (!c.Has("delta")) // With it the other system counts after the upper bound was laid on the ratio.
        {
            run.Output("metric.clip_ratio/high_mean", sums[4] / tokens);
            run.Output("metric.clip_ratio/region_mean", (sums[3] + sums[4]) / tokens);
            run.Output("metric.clip", (sums[3] + sums[4]) / tokens);
        }

        return gradient;
    }

    // TRL's cispo has the upper bound of the ratio itself as epsilon_high, and no lower one.
    private static PolicyObjective Objective(GoldenCase c, float beta)
    {
        string type = c.Text("loss_type");
        return new GrpoOptions
        {
            Loss = type switch { "cispo" => PolicyLossKind.Cispo, "sapo" => PolicyLossKind.Sapo, "vespo" => PolicyLossKind.Vespo, _ => PolicyLossKind.Clip },
            ClipLow = type == "cispo" ? 1 : c.Number("epsilon_low"),
            ClipHigh = type == "cispo" ? c.Number("epsilon_high") - 1 : c.Number("epsilon_high"),
            Delta = c.Number("delta", 0),
            Beta = beta,
            CorrectKl = c.Flag("use_bias_correction_kl"),
            OffPolicyThreshold = c.Number("off_policy_mask_threshold", 0),
        }.Objective();
    }

    // luspo is a mean over completions and places, padding included, of the loss times the completion's length.
    private static float[] LossWeights(GoldenRun run, float[] mask, int width)
    {
        GoldenCase c = run.Case;
        int rows = mask.Length / width;
        float scale = 1f / c.Integer("grad_accum", 1);
        return c.Text("loss_type") switch
        {
            "grpo" or "sapo" => Scaled(Weights.SequenceMean(mask, width), scale),
            "bnpo" => Scaled(Weights.TokenMean(mask), scale),
            "dr_grpo" => Scaled(Weights.Over(mask, rows * c.Integer("max_completion_length", width)), scale),
            "luspo" => Scaled([.. mask.Chunk(width).SelectMany(row => Enumerable.Repeat(row.Sum() / (rows * width), width))], scale),
            _ => run.Has("num_items_in_batch") ? Weights.Over(mask, run.Input("num_items_in_batch").Data[0])
                : c.Has("num_items_in_batch") ? Weights.Over(mask, c.Number("num_items_in_batch")) : Weights.TokenMean(mask),
        };
    }

    // The mean entropy of tokens times its weight.
    private static double EntropyBonus(GoldenRun run, float[] mask)
    {
        float coefficient = run.Case.Number("entropy_coef", 0);
        if (coefficient == 0)
            return 0;
        Tensor weights = run.From(Weights.TokenMean(mask)), product = run.New([mask.Length]);
        Ops.Multiply(run.Vector("entropies"), weights, product);
        Ops.Scale(weights, -coefficient);
        run.Gradient("entropies", weights);
        return coefficient * product.ToArray<float>().Sum(v => (double)v);
    }

    // The ratio is that of summed log-probabilities: each completion is an element.
    private static void RlooLoss(GoldenRun run)
    {
        int rows = run.Input("completion_mask").Rows, width = run.Input("completion_mask").Width;
        float[] mask = run.Floats("completion_mask");
        Completions completions = new(run, run.Vector("per_token_logps"), rows, width, mask);
        Tensor gradient = run.New([rows]), statistics = run.New([9], DType.Float64);
        Ops.PolicyLoss(run.From(completions.Sums(run.Vector("per_token_logps"))), run.Vector("old_logps"), default, default,
            run.Vector("advantages"), default, default, run.From([.. Enumerable.Repeat(1f / rows, rows)]), default, gradient, default, statistics,
            new() { ClipLow = run.Case.Number("epsilon_low"), ClipHigh = run.Case.Number("epsilon_high") });
        run.Output("loss", statistics.ToArray<double>()[0]);
        run.Gradient("per_token_logps", completions.Backward(gradient.ToArray<float>()));
    }

    private static float[] Scaled(float[] weights, float scale) => [.. weights.Select(w => w * scale)];
}
