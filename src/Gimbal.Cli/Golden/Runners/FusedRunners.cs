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
        if (run.Case.Has("final_logit_softcapping") || run.Case.Number("logit_scale", 1) != 1)
            throw new UnsupportedCaseException("the engine has no logit scale or soft cap");
        FusedHead head = new(run, run.Tensor("hidden"), run.Tensor("weight"), run.Input("targets").Ints(), run.Case.Number("temperature", 1));
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

    private static void FusedLinearPreference(GoldenRun run)
    {
        if (run.Case.Name != "liger_torchref_dpo")
            throw new UnsupportedCaseException("of the family only DPO is there; the others are dialects to come");
        GoldenTensor target = run.Input("target");
        int[] targets = [.. target.Ints().Select(id => id == -100 ? -1 : id)];
        FusedHead policy = new(run, run.Tensor("input"), run.Tensor("weight"), targets, 1);
        FusedHead reference = new(run, run.Tensor("ref_input"), run.Tensor("ref_weight"), targets, 1);
        float[] lengths = [.. Enumerable.Range(0, target.Rows)
            .Select(row => (float)targets.AsSpan(row * target.Width, target.Width).ToArray().Count(id => id >= 0))];
        (Tensor dhidden, Tensor dhead) = policy.Backward(PreferenceRunners.Summed(run, policy.Value, reference.Value, target.Rows, target.Width, lengths));
        run.Gradient("input", dhidden);
        run.Gradient("weight", dhead);
    }
}

/// <summary>Log-probabilities of targets from hidden states, with the gradients of both.</summary>
internal sealed class FusedHead
{
    private readonly GoldenRun run;
    private readonly Tensor hidden, head, targets, lse;
    private readonly float temperature;

    public FusedHead(GoldenRun run, Tensor hidden, Tensor head, int[] targets, float temperature)
    {
        (this.run, this.hidden, this.head, this.temperature) = (run, hidden, head, temperature);
        this.targets = run.From(targets);
        (Value, Entropy, lse) = (run.New([hidden.Rows]), run.New([hidden.Rows]), run.New([hidden.Rows]));
        Ops.LinearLogprob(hidden, head, null, this.targets, Value, Entropy, lse, temperature);
    }

    public Tensor Value { get; }

    public Tensor Entropy { get; }

    public (Tensor Hidden, Tensor Head) Backward(Tensor dlogprob)
    {
        Tensor dhidden = run.New(hidden.Shape), dhead = run.New(head.Shape);
        Ops.LinearLogprobBackward(hidden, head, null, targets, lse, Entropy, dlogprob, default, dhidden, dhead, temperature);
        return (dhidden, dhead);
    }
}
