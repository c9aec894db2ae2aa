using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Advantages, returns, whitening, group baselines.</summary>
internal static class AdvantageRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["gae"] = Gae,
        ["reinforce_returns"] = ReinforceReturns,
        ["masked_whiten"] = MaskedWhiten,
        ["explained_variance"] = ExplainedVariance,
    };

    private static void Gae(GoldenRun run)
    {
        string peer = run.Case.Name[..run.Case.Name.IndexOf('_', StringComparison.Ordinal)];
        switch (peer)
        {
            case "cleanrl":
                Cleanrl(run);
                break;
            case "sb3":
                Sb3(run);
                break;
            case "torchrl":
                TorchRl(run);
                break;
            case "openrlhf":
                OpenRlhf(run);
                break;
            case "verl":
                Verl(run);
                break;
            default:
                throw new UnsupportedCaseException($"no convention of GAE is known as {peer}");
        }
    }

    // dones[t] is the flag of the observation at t: the one that step t - 1 produced. [T, N] becomes (rows, steps).
    private static void Cleanrl(GoldenRun run)
    {
        int steps = run.Input("rewards").Shape[0], rows = run.Input("rewards").Shape[1];
        float[] dones = run.Floats("dones"), next = run.Floats("next_done");
        byte[] terminated = [.. Enumerable.Range(0, rows * steps).Select(i => (i / steps, i % steps))
            .Select(at => (byte)(at.Item2 + 1 < steps ? dones[(at.Item2 + 1) * rows + at.Item1] : next[at.Item1]))];
        (float[] a, float[] r) = Run(run, Turn(run.Floats("rewards"), steps, rows), Turn(run.Floats("values"), steps, rows),
            run.Floats("next_value"), terminated, null, null, null, rows, steps, "gae_lambda");
        run.Output("advantages", Turn(a, rows, steps));
        run.Output("returns", Turn(r, rows, steps));
    }

    private static void Sb3(GoldenRun run)
    {
        int steps = run.Input("rewards").Shape[0], rows = run.Input("rewards").Shape[1];
        float[] dones = Turn(run.Floats("dones"), steps, rows), truncated = Turn(run.Floats("truncated"), steps, rows);
        byte[] ends = [.. dones.Zip(truncated, (done, cut) => (byte)(done != 0 && cut == 0 ? 1 : 0))];
        (float[] a, float[] r) = Run(run, Turn(run.Floats("rewards"), steps, rows), Turn(run.Floats("values"), steps, rows),
            run.Floats("last_values"), ends, [.. truncated.Select(v => (byte)v)],
            Turn(run.Floats("terminal_values"), steps, rows), null, rows, steps, "gae_lambda");
        run.Leave("bootstrapped_rewards", "episode_starts");
        run.Output("advantages", Turn(a, rows, steps));
        run.Output("returns", Turn(r, rows, steps));
    }

    // next_state_value[t] is a second opinion on the state after t. The engine has one value of each state: the difference
    // to it goes into the reward of a step that goes on.
    private static void TorchRl(GoldenRun run)
    {
        int rows = run.Input("reward").Shape[0], steps = run.Input("reward").Shape[1];
        float[] next = run.Floats("next_state_value"), rewards = run.Floats("reward");
        byte[] done = run.Input("done").Flags(), terminated = run.Input("terminated").Flags();
        byte[] truncated = [.. done.Zip(terminated, (d, t) => (byte)(d != 0 && t == 0 ? 1 : 0))];
        float[] last = [.. Enumerable.Range(0, rows).Select(row => next[(row + 1) * steps - 1])];
        float[] values = run.Has("state_value") ? run.Floats("state_value")
            : [.. next.Select((_, i) => i % steps == 0 ? 0 : next[i - 1])];
        float gamma = run.Case.Number("gamma");
        for (int i = 0; i < rewards.Length; i++)
        {
            if (done[i] == 0 && (i + 1) % steps != 0)
                rewards[i] += gamma * (next[i] - values[i + 1]);
        }

        (float[] a, float[] r) = Run(run, rewards, values, last, terminated, truncated, next, null, rows, steps, "lmbda");
        run.Output("advantage", a);
        run.Output("value_target", r);
    }

    // Masked values and rewards count as 0, and the recursion runs through them.
    private static void OpenRlhf(GoldenRun run)
    {
        float[] mask = run.Floats("action_mask");
        (float[] a, float[] r) = Run(run, Product(run.Floats("rewards"), mask), Product(run.Floats("values"), mask), null,
            null, null, null, null, run.Input("rewards").Rows, run.Input("rewards").Width, "lambd");
        run.Output("advantages", a);
        run.Output("returns", r);
    }

    // Masked steps are stepped over; what the other system leaves on them is not compared.
    private static void Verl(GoldenRun run)
    {
        byte[] mask = run.Input("response_mask").Flags();
        int rows = run.Input("values").Rows, steps = run.Input("values").Width;
        (float[] a, float[] r) = Run(run, run.Floats("token_level_rewards"), run.Floats("values"), null, null, null, null,
            mask, rows, steps, "lam");
        run.Output("returns", r, mask);
        Tensor whitened = run.New([a.Length]), moments = run.New([2], DType.Float64);
        Ops.Whiten(run.From(a), run.From(mask, [mask.Length]), whitened, moments, 1e-8f, 1, false);
        run.Output("advantages", whitened, mask);
    }

    private static void ReinforceReturns(GoldenRun run)
    {
        float[] rewards = Product(run.Floats("rewards"), run.Floats("action_mask"));
        int rows = run.Input("rewards").Rows, steps = run.Input("rewards").Width;
        run.Output("returns", Run(run, rewards, new float[rewards.Length], null, null, null, null, null, rows, steps, "").Returns);
    }

    private static void MaskedWhiten(GoldenRun run)
    {
        byte[] mask = run.Input("mask").Flags();
        float epsilon = run.Case.Number("eps");
        if (run.Case.Has("dim"))
        {
            Tensor values = run.Tensor("values"), y = run.New(values.Shape), moment = run.New([2], DType.Float64);
            for (long row = 0; row < values.Rows; row++)
            {
                Tensor rowMask = run.From(mask.AsSpan((int)(row * values.Width), (int)values.Width).ToArray(), [values.Width]);
                Ops.Whiten(values.RowRange(row, 1), rowMask, y.RowRange(row, 1), moment, epsilon, 0, false);
            }

            run.Output("normalized", y);
            return;
        }

        Tensor whitened = run.New([mask.Length]), moments = run.New([2], DType.Float64);
        Ops.Whiten(run.Vector("values"), run.From(mask, [mask.Length]), whitened, moments, epsilon, 1,
            !run.Case.Flag("shift_mean"));
        run.Output("whitened", whitened, mask);
        run.Output("mean", moments.ToArray<double>()[0]);
        run.Output("var", moments.ToArray<double>()[1]);
    }

    private static void ExplainedVariance(GoldenRun run) => run.Output("explained_variance",
        ExplainedVariance(run, run.Vector("y_pred"), run.Vector("y_true")));

    /// <summary>1 - Var(returns - values) / Var(returns), from the moments that whitening writes.</summary>
    public static double ExplainedVariance(GoldenRun run, Tensor values, Tensor returns)
    {
        Tensor difference = run.New(values.Shape);
        difference.CopyFrom(values);
        Ops.Scale(difference, -1);
        Ops.Add(returns, difference, difference);
        double Variance(Tensor x)
        {
            Tensor y = run.New(x.Shape), moments = run.New([2], DType.Float64);
            Ops.Whiten(x, default, y, moments, 1e-8f, 0, false);
            return moments.ToArray<double>()[1];
        }

        double total = Variance(returns);
        return total == 0 ? double.NaN : 1 - Variance(difference) / total;
    }

    private static (float[] Advantages, float[] Returns) Run(GoldenRun run, float[] rewards, float[] values, float[]? last,
        byte[]? terminated, byte[]? truncated, float[]? truncatedValues, byte[]? mask, int rows, int steps, string lambda)
    {
        Shape shape = [rows, steps];
        Tensor Optional(float[]? v) => v is null ? default : run.From(v, shape);
        Tensor Flags(byte[]? v) => v is null ? default : run.From(v, shape);
        Tensor advantages = run.New(shape), returns = run.New(shape);
        Ops.Gae(run.From(rewards, shape), run.From(values, shape), last is null ? default : run.From(last), Flags(terminated),
            Flags(truncated), Optional(truncatedValues), Flags(mask), advantages, returns, run.Case.Number("gamma"),
            run.Case.Number(lambda, 1));
        return (advantages.ToArray<float>(), returns.ToArray<float>());
    }

    private static float[] Turn(float[] values, int rows, int columns) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[i % rows * columns + i / rows])];

    private static float[] Product(float[] values, float[] mask) => [.. values.Zip(mask, (v, m) => v * m)];
}
