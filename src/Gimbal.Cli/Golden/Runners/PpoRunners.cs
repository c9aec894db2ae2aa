using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>The joint loss of PPO: clipped policy objective, value loss, entropy, as three systems add them up.</summary>
internal static class PpoRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["ppo_loss"] = PpoLoss,
    };

    private static void PpoLoss(GoldenRun run)
    {
        switch (run.Case.Name.Split('_')[0])
        {
            case "cleanrl":
                Cleanrl(run);
                break;
            case "sb3":
                StableBaselines(run);
                break;
            default:
                FromLogits(run);
                break;
        }
    }

    private static void Cleanrl(GoldenRun run)
    {
        float clip = run.Case.Number("clip_coef"), entropyWeight = run.Case.Number("ent_coef"), valueWeight = run.Case.Number("vf_coef");
        Tensor advantages = Advantages(run, run.Case.Flag("norm_adv")), returns = run.Vector("returns");
        int count = (int)advantages.Count;
        float[] mean = [.. Enumerable.Repeat(1f / count, count)];
        ClippedLoss policy = new(run, run.Vector("newlogprob"), run.Vector("oldlogprob"), advantages, mean, clip, clip);
        ValueLoss value = new(run, run.Vector("newvalue"), run.Vector("oldvalues"), returns, mean, run.Case.Flag("clip_vloss") ? clip : 0);
        double entropy = Weights.Sum(run.Floats("entropy"), mean);
        run.Output("loss", policy.Value - entropyWeight * entropy + valueWeight * value.Value);
        run.Output("pg_loss", policy.Value);
        run.Output("v_loss", value.Value);
        run.Output("entropy_loss", entropy);
        run.Output("old_approx_kl", policy.Statistics[5] / count);
        run.Output("approx_kl", policy.Statistics[6] / count);
        run.Output("explained_variance", AdvantageRunners.ExplainedVariance(run, run.Vector("oldvalues"), returns));
        run.Leave("clipfrac"); // Counts every ratio beyond the range, clipped or not; the engine counts what was clipped.
        run.Gradient("newlogprob", policy.Gradient);
        run.Gradient("newvalue", value.Scaled(valueWeight));
        run.Gradient("entropy", [.. mean.Select(w => -entropyWeight * w)]);
    }

    // The value loss is the plain square, without the half.
    private static void StableBaselines(GoldenRun run)
    {
        float clip = run.Case.Number("clip_range"), entropyWeight = run.Case.Number("ent_coef"), valueWeight = run.Case.Number("vf_coef");
        Tensor advantages = Advantages(run, run.Case.Flag("normalize_advantage")), returns = run.Vector("returns");
        int count = (int)advantages.Count;
        float[] mean = [.. Enumerable.Repeat(1f / count, count)], twice = [.. mean.Select(w => 2 * w)];
        ClippedLoss policy = new(run, run.Vector("log_prob"), run.Vector("old_log_prob"), advantages, mean, clip, clip);
        ValueLoss value = new(run, run.Vector("values"), run.Vector("old_values"), returns, twice,
            run.Case.Number("clip_range_vf", 0), ofClippedAlone: true);
        double entropy = -Weights.Sum(run.Floats("entropy"), mean);
        run.Output("loss", policy.Value + entropyWeight * entropy + valueWeight * value.Value);
        run.Output("policy_loss", policy.Value);
        run.Output("value_loss", value.Value);
        run.Output("entropy_loss", entropy);
        run.Output("approx_kl", policy.Statistics[6] / count);
        run.Output("explained_variance", AdvantageRunners.ExplainedVariance(run, run.Vector("old_values"), returns));
        run.Leave("clip_fraction");
        run.Gradient("log_prob", policy.Gradient);
        run.Gradient("values", value.Scaled(valueWeight));
        run.Gradient("entropy", [.. mean.Select(w => -entropyWeight * w)]);
    }

    // Logits and values cover context and response; those of the position before a token speak of it.
    private static void FromLogits(GoldenRun run)
    {
        int rows = run.Input("responses").Rows, width = run.Input("responses").Width, steps = run.Input("vpred").Width;
        int first = run.Case.Integer("context_length") - 1;
        int[] ids = run.Input("responses").Ints(), places = [.. Enumerable.Range(0, ids.Length).Select(i => i / width * steps + first + i % width)];
        float[] tokens = [.. run.Floats("padding_mask").Select(padding => 1 - padding)];
        float[] states = [.. run.Floats("padding_mask_p1").Select(padding => 1 - padding)];
        int[] targets = [.. Enumerable.Repeat(-1, rows * steps)];
        for (int i = 0; i < ids.Length; i++)
            targets[places[i]] = tokens[i] != 0 ? ids[i] : -1;

        Logprobs head = new(run, run.Tensor("logits"), targets, run.Case.Number("temperature"));
        float[] At(float[] values) => [.. places.Select(place => values[place])];
        float[] Spread(float[] values)
        {
            float[] all = new float[rows * steps];
            for (int i = 0; i < values.Length; i++)
                all[places[i]] = values[i];
            return all;
        }

        float clip = run.Case.Number("cliprange"), valueWeight = run.Case.Number("vf_coef");
        float[] logprobs = At(head.Value.ToArray<float>());
        ClippedLoss policy = new(run, run.From(logprobs), run.Vector("old_logprobs"), run.Vector("advantages"), Weights.TokenMean(tokens), clip, clip);
        ValueLoss value = new(run, run.From(At(run.Floats("vpred"))), run.Vector("old_values"), run.Vector("returns"), Weights.TokenMean(states),
            run.Case.Number("cliprange_value"));
        run.Output("loss", policy.Value + valueWeight * value.Value);
        run.Output("pg_loss", policy.Value);
        run.Output("vf_loss", value.Value);
        run.Output("pg_clipfrac", policy.ClippedFraction);
        run.Output("vf_clipfrac", value.ClippedFraction);
        run.Output("new_logprobs", logprobs, [.. tokens.Select(token => (byte)token)]);
        run.Leave("approxkl", "entropy_mean", "ratio_mean"); // Means over padding too, at a made-up log-probability.
        run.Gradient("logits", head.Backward(run.From(Spread(policy.Gradient.ToArray<float>()))));
        run.Gradient("vpred", Spread(value.Scaled(valueWeight).ToArray<float>()));
    }

    private static Tensor Advantages(GoldenRun run, bool normalize)
    {
        Tensor advantages = run.Vector("advantages");
        if (normalize)
            Ops.Whiten(advantages, default, advantages, default, epsilon: 1e-16f);
        return advantages;
    }
}

/// <summary>One call of the clipped value loss.</summary>
internal sealed class ValueLoss
{
    private readonly double[] sums;

    public ValueLoss(GoldenRun run, Tensor values, Tensor old, Tensor returns, float[] weights, float clip, bool ofClippedAlone = false)
    {
        Tensor losses = run.New(values.Shape), statistics = run.New([4], DType.Float64);
        Gradient = run.New(values.Shape);
        if (ofClippedAlone && clip > 0)
            Ops.ClippedValueLoss(values, old, returns, run.From(weights), losses, Gradient, statistics, clip);
        else
            Ops.ValueClipLoss(values, old, returns, run.From(weights), losses, Gradient, statistics, clip);
        sums = statistics.ToArray<double>();
    }

    public Tensor Gradient { get; }

    public double Value => sums[0];

    public double ClippedFraction => sums[3] / sums[2];

    /// <summary>The gradient times a weight, in place.</summary>
    public Tensor Scaled(float weight)
    {
        Ops.Scale(Gradient, weight);
        return Gradient;
    }
}
