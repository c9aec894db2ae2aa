using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Losses over labelled samples: KTO and BCO.</summary>
internal static class UnpairedRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["kto_loss"] = KtoLoss,
        ["bco_loss"] = BcoLoss,
    };

    /// <summary>One call: losses and gradient of samples, each weighted.</summary>
    public static (double Loss, float[] Losses, float[] Gradient) Loss(GoldenRun run, float[] logprobs, float[] reference,
        byte[] desirable, float[] weights, float beta, float shift, UnpairedForm form)
    {
        int count = logprobs.Length;
        Tensor losses = run.New([count]), gradient = run.New([count]), statistics = run.New([6], DType.Float64);
        Tensor x = run.From(logprobs), ref0 = run.From(reference), labels = run.From(desirable, [count]);
        Ops.UnpairedLoss(x, ref0, labels, default, losses, default, default, beta, shift, form);
        float[] plain = losses.ToArray<float>();
        Ops.UnpairedLoss(x, ref0, labels, run.From(weights), default, gradient, statistics, beta, shift, form);
        return (statistics.ToArray<double>()[0], plain, gradient.ToArray<float>());
    }

    // The other system lists the desirable samples first.
    private static void KtoLoss(GoldenRun run)
    {
        float[] logprobs = run.Floats("logps"), reference = run.Floats("ref_logps");
        byte[] labels = run.Input("label").Flags();
        float beta = run.Case.Number("beta"), z = run.Case.Flag("calculate_KL")
            ? UnpairedShift.ZeroPoint(run.Floats("KL_logps"), run.Floats("ref_KL_logps")) : 0;
        float[] weights = [.. labels.Select(l => run.Case.Number(l != 0 ? "desirable_weight" : "undesirable_weight", 1) / labels.Length)];
        (double loss, float[] losses, float[] gradient) = Loss(run, logprobs, reference, labels, weights, beta, beta * z, UnpairedForm.Kto);
        int[] order = [.. Enumerable.Range(0, labels.Length).OrderBy(i => labels[i] == 0)];
        run.Output("loss", loss);
        run.Output("losses", [.. order.Select(i => losses[i] * weights[i] * labels.Length)]);
        run.Output("kl", z);
        float[] rewards = Rewards(run, logprobs, reference, beta);
        run.Output("chosen_rewards", [.. order.Where(i => labels[i] != 0).Select(i => rewards[i])]);
        run.Output("rejected_rewards", [.. order.Where(i => labels[i] == 0).Select(i => rewards[i])]);
        run.Gradient("logps", gradient);
    }

    // The statistics of one sample at a time.
    private static float[] Rewards(GoldenRun run, float[] logprobs, float[] reference, float beta) =>
        [.. logprobs.Zip(reference, (l, r) =>
        {
            Tensor statistics = run.New([6], DType.Float64);
            Ops.UnpairedLoss(run.From(l), run.From(r), run.From([1], [1]), default, default, default, statistics, beta, 0);
            return (float)statistics.ToArray<double>()[3];
        })];

    // Two batches; delta is the running mean of rewards, those of the current one included.
    private static void BcoLoss(GoldenRun run)
    {
        float beta = run.Case.Number("beta");
        int steps = run.Input("chosen_logps").Rows, width = run.Input("chosen_logps").Width;
        RunningMoments moments = new(1, initialCount: 0);
        float[][] gradients = [new float[steps * width], new float[steps * width]];
        byte[] labels = [.. Enumerable.Range(0, 2 * width).Select(i => (byte)(i < width ? 1 : 0))];
        float[] weights = [.. labels.Select(_ => 1f / labels.Length)];
        for (int step = 0; step < steps; step++)
        {
            float[] Of(string side) => [.. run.Floats($"{side}chosen_logps")[(step * width)..((step + 1) * width)],
                .. run.Floats($"{side}rejected_logps")[(step * width)..((step + 1) * width)]];
            float[] logprobs = Of(""), reference = Of("ref_");
            float delta = UnpairedShift.Delta(moments, Rewards(run, logprobs, reference, beta));
            (double loss, float[] losses, float[] gradient) = Loss(run, logprobs, reference, labels, weights, beta, delta, UnpairedForm.Bco);
            run.Output($"losses_step{step}", losses);
            run.Output($"delta_step{step}", delta);
            if (step == steps - 1)
            {
                run.Output("loss", loss);
                gradient[..width].CopyTo(gradients[0], step * width);
                gradient[width..].CopyTo(gradients[1], step * width);
            }
        }

        run.Output("running_mean", moments.Mean[0]);
        run.Output("running_var", moments.Variance[0]);
        run.Output("running_std", Math.Sqrt(moments.Variance[0] * moments.Count / (moments.Count - 1)));
        run.Output("running_count", moments.Count);
        run.Gradient("chosen_logps", gradients[0]);
        run.Gradient("rejected_logps", gradients[1]);
    }
}
