using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Losses from hidden states: head, log-softmax and gather in one op.</summary>
internal static class FusedRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["fused_linear_logprob"] = FusedLinearLogprob,
        ["fused_linear_grpo"] = FusedLinearGrpo,
        ["fused_linear_preference"] = FusedLinearPreference,
    };

    private static void FusedLinearLogprob(GoldenRun run)
    {
        FusedHead head = new(run, run.Tensor("hidden"), run.Tensor("weight"), run.Input("targets").Ints(), run.Case.Number("temperature", 1),
            scale: run.Case.Number("logit_scale", 1), cap: run.Case.Number("final_logit_softcapping", 0));
        run.Output("logprobs", head.Value);
        run.Output("entropy", head.Entropy);
        (Tensor dhidden, Tensor dhead) = head.Backward(run.Vector("grad_output.logprobs"));
        run.Gradient("hidden", dhidden);
        run.Gradient("weight", dhead);
    }

    private static void FusedLinearGrpo(GoldenRun run)
    {
        FusedHead head = new(run, run.Tensor("hidden"), run.Tensor("weight"), run.Input("token_ids").Ints(), run.Case.Number("temperature"));
        Tensor gradient = GrpoRunners.Loss(run, head.Value, run.Floats("mask"), run.Input("mask").Width);
        (Tensor dhidden, Tensor dhead) = head.Backward(gradient);
        run.Gradient("hidden", dhidden);
        run.Gradient("weight", dhead);
    }

    // Targets are shifted already, -100 left out; rows are [chosen; rejected], or labelled. CPO and SimPO add alpha times the
    // negative log-likelihood of the chosen tokens, ORPO adds it whole.
    private static void FusedLinearPreference(GoldenRun run)
    {
        GoldenTensor target = run.Input("target");
        int rows = target.Rows, steps = target.Width;
        int[] targets = [.. target.Ints().Select(id => id == -100 ? -1 : id)];
        Tensor bias = run.Has("bias") ? run.Vector("bias") : default;
        FusedHead policy = new(run, run.Tensor("input"), run.Tensor("weight"), targets, 1, bias);
        bool isMean = run.Case.Flag("average_log_prob");
        float[] multipliers = [.. targets.Chunk(steps).SelectMany(row => row.Select(id => id < 0 ? 0 : isMean ? 1f / row.Count(t => t >= 0) : 1))];
        Completions completions = new(run, policy.Value, rows, steps, multipliers);
        Tensor reference = run.Has("ref_input")
            ? new FusedHead(run, run.Tensor("ref_input"), run.Tensor("ref_weight"), targets, 1).Value : default;
        Tensor gradient;
        if (run.Has("preference_labels"))
        {
            byte[] labels = run.Input("preference_labels").Flags();
            float beta = run.Case.Number("beta");
            (double loss, _, float[] d) = UnpairedRunners.Loss(run, completions.Sums(policy.Value), completions.Sums(reference), labels,
                [.. labels.Select(_ => 1f / rows)], beta, beta * run.Floats("kl")[0], UnpairedForm.Kto);
            run.Output("loss", loss);
            gradient = completions.Backward(d);
        }
        else
        {
            Pairs pairs = reference.IsEmpty
                ? new(run, completions.Chosen, completions.Rejected)
                : new(run, completions.Chosen, completions.Rejected, completions.ChosenOf(reference), completions.RejectedOf(reference));
            bool orpo = run.Case.Name.EndsWith("orpo", StringComparison.Ordinal);
            pairs.Add(new()
            {
                Form = orpo ? PreferenceForm.OddsRatio : PreferenceForm.Sigmoid,
                Beta = run.Case.Number("beta"),
                LabelSmoothing = run.Case.Number("label_smoothing", 0),
                Margin = run.Case.Name.EndsWith("simpo", StringComparison.Ordinal) ? run.Case.Number("simpo_gamma") : 0,
            });
            float[] chosen = [.. targets.Select((id, i) => id >= 0 && i < rows / 2 * steps ? 1f : 0)];
            float share = orpo ? 1 : run.Case.Number("alpha", 0);
            (double likelihood, gradient) = PreferenceRunners.Likelihood(run, policy.Value, PreferenceRunners.Scaled(Weights.TokenMean(chosen), share));
            run.Output("loss", pairs.Loss + likelihood);
            Ops.Add(completions.Backward(pairs), gradient, gradient);
        }

        (Tensor dhidden, Tensor dhead) = policy.Backward(gradient);
        run.Gradient("input", dhidden);
        run.Gradient("weight", dhead);
        run.Gradient("bias", policy.BiasGradient);
    }
}

/// <summary>Log-probabilities of targets from hidden states, with the gradients of both.</summary>
internal sealed class FusedHead
{
    private readonly GoldenRun run;
    private readonly Tensor hidden, head, bias, targets, lse, logits;
    private readonly float temperature, scale, cap;

    /// <param name="run">The case.</param>
    /// <param name="hidden">(rows, width).</param>
    /// <param name="head">(vocabulary, width).</param>
    /// <param name="targets">-1 leaves a row out.</param>
    /// <param name="temperature">Divides the logits.</param>
    /// <param name="bias">Of the head, or empty. With it, a scale or a cap the ops are called one by one.</param>
    /// <param name="scale">Multiplies the logits.</param>
    /// <param name="cap">Soft cap of the logits; 0: none.</param>
    public FusedHead(GoldenRun run, Tensor hidden, Tensor head, int[] targets, float temperature, Tensor bias = default, float scale = 1, float cap = 0)
    {
        (this.run, this.hidden, this.head, this.bias, this.temperature, this.scale, this.cap) = (run, hidden, head, bias, temperature, scale, cap);
        this.targets = run.From(targets);
        (Value, Entropy, lse) = (run.New([hidden.Rows]), run.New([hidden.Rows]), run.New([hidden.Rows]));
        BiasGradient = run.New([head.Rows]);
        if (bias.IsEmpty && scale == 1 && cap == 0)
        {
            Ops.LinearLogprob(hidden, head, null, this.targets, Value, Entropy, lse, temperature);
            return;
        }

        logits = run.New([hidden.Rows, head.Rows]);
        Ops.Matmul(hidden, head, bias, logits, transB: true);
        Ops.Softcap(logits, logits, scale, cap);
        Ops.LogprobGather(logits, this.targets, Value, Entropy, lse, temperature);
    }

    public Tensor Value { get; }

    public Tensor Entropy { get; }

    /// <summary>After <see cref="Backward"/>.</summary>
    public Tensor BiasGradient { get; }

    public (Tensor Hidden, Tensor Head) Backward(Tensor dlogprob)
    {
        Tensor dhidden = run.New(hidden.Shape), dhead = run.New(head.Shape);
        if (logits.IsEmpty)
        {
            Ops.LinearLogprobBackward(hidden, head, null, targets, lse, Entropy, dlogprob, default, dhidden, dhead, temperature);
            return (dhidden, dhead);
        }

        Tensor dlogits = run.New(logits.Shape);
        Ops.LogprobGatherBackward(logits, targets, lse, Entropy, dlogprob, default, dlogits, temperature);
        Ops.SoftcapBackward(dlogits, logits, dlogits, scale, cap);
        Ops.Matmul(dlogits, head, default, dhidden);
        Ops.Matmul(dlogits, hidden, default, dhead, transA: true);
        Ops.SumRows(dlogits, BiasGradient);
        return (dhidden, dhead);
    }
}
