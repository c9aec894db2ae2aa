using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>AdamW, the clipping of gradients, schedules.</summary>
internal static class OptimizerRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["optimizer"] = Optimizer,
        ["clip_grad_norm"] = ClipGradNorm,
    };

    // Two parameters of one block, as ParameterStore lays them out: weights first, both under the same decay here.
    private static void Optimizer(GoldenRun run)
    {
        float[] w = run.Floats("p_w"), b = run.Floats("p_b"), gw = run.Floats("g_w"), gb = run.Floats("g_b");
        int count = w.Length + b.Length, steps = run.Case.Integer("steps");
        float beta1 = run.Case.List("betas")[0].GetSingle(), beta2 = run.Case.List("betas")[1].GetSingle();
        Tensor weights = run.From([.. w, .. b]), gradients = run.New([count]), m = run.New([count]), v = run.New([count]);
        using StepStateBuffer state = new(run.Device);
        List<float> norms = [];
        for (int step = 1; step <= steps; step++)
        {
            gradients.CopyFrom<float>([.. gw.AsSpan((step - 1) * w.Length, w.Length), .. gb.AsSpan((step - 1) * b.Length, b.Length)]);
            state.WriteOptimizer(step, run.Case.Number("lr"), beta1, beta2);
            if (run.Case.Has("max_grad_norm"))
            {
                Ops.GradNorm(gradients, state.Tensor, run.Case.Number("max_grad_norm"));
                norms.Add(state.ReadGradientNorm());
            }

            Ops.Adamw(weights, gradients, m, v, default, state.Tensor, count, beta1, beta2, run.Case.Number("eps"),
                run.Case.Number("weight_decay"));
            run.Output($"w_after_step{step}", weights.ToArray<float>().AsSpan(0, w.Length));
            run.Output($"b_after_step{step}", weights.ToArray<float>().AsSpan(w.Length));
        }

        run.Output("w_final_m", m.ToArray<float>().AsSpan(0, w.Length));
        run.Output("b_final_m", m.ToArray<float>().AsSpan(w.Length));
        run.Output("w_final_v", v.ToArray<float>().AsSpan(0, w.Length));
        run.Output("b_final_v", v.ToArray<float>().AsSpan(w.Length));
        run.Output("grad_norms", [.. norms]);
    }

    // The engine multiplies by the coefficient inside adamw. One step of momentum 0 on a zero weight shows the product:
    // m = clip_coefficient * gradient.
    private static void ClipGradNorm(GoldenRun run)
    {
        float[] a = run.Floats("g_a"), b = run.Floats("g_b");
        Tensor gradients = run.From([.. a, .. b]);
        Tensor weights = run.New(gradients.Shape), m = run.New(gradients.Shape), v = run.New(gradients.Shape);
        using StepStateBuffer state = new(run.Device);
        state.WriteOptimizer(1, 0, 0, 0);
        if (run.Case.Text("norm_type") == "Infinity")
            Ops.GradMax(gradients, state.Tensor, run.Case.Number("max_norm"));
        else
            Ops.GradNorm(gradients, state.Tensor, run.Case.Number("max_norm"));
        run.Output("total_norm", state.ReadGradientNorm());
        Ops.Adamw(weights, gradients, m, v, default, state.Tensor, 0, 0, 0, 1, 0);
        run.Output("clipped_a", m.ToArray<float>().AsSpan(0, a.Length));
        run.Output("clipped_b", m.ToArray<float>().AsSpan(a.Length));
    }
}
