using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Learning rates, running moments: what the trainers compute outside the ops.</summary>
internal static class TrainerRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["lr_schedule"] = LearningRate,
        ["running_mean_std"] = RunningMeanStd,
        ["adaptive_kl_controller"] = AdaptiveKl,
        ["overlong_penalty"] = OverlongPenalty,
    };

    private static void LearningRate(GoldenRun run)
    {
        GoldenCase c = run.Case;
        string name = c.Text("name", c.Name[(c.Name.IndexOf('_', StringComparison.Ordinal) + 1)..]);
        LearningRateSchedule schedule = name switch
        {
            "cosine" or "cosine_with_min_lr" or "cosine_min_ratio" or "cosine_init_ratio" => LearningRateSchedule.Cosine,
            "cosine_with_restarts" => LearningRateSchedule.CosineRestarts,
            "polynomial" => LearningRateSchedule.Polynomial,
            "inverse_sqrt" => LearningRateSchedule.InverseSqrt,
            "wsd" => LearningRateSchedule.WarmupStableDecay,
            "linear" or "anneal" => LearningRateSchedule.Linear,
            _ => LearningRateSchedule.Constant,
        };
        float rate = c.Number("lr", c.Number("learning_rate"));
        OptimizerOptions options = new()
        {
            LearningRate = rate,
            WarmupSteps = c.Integer("num_warmup_steps"),
            Schedule = schedule,
            MinimumRatio = c.Has("lr_end") ? c.Number("lr_end") / rate : c.Number("min_lr_rate", c.Number("min_lr_ratio", 0)),
            InitialRatio = c.Number("init_lr_ratio", 0),
            Cycles = schedule == LearningRateSchedule.CosineRestarts ? c.Integer("num_cycles", 1) : 1,
            Power = c.Number("power", 1),
            StableRatio = c.Number("stable_ratio", 0.9f),
        };
        string output = c.Outputs.Keys.Single();
        int total = c.Integer("num_training_steps", c.Integer("num_iterations"));
        int[] steps = [.. Enumerable.Range(0, c.Outputs[output].Data.Length)];
        // Past the last step, where no run goes, the cosine of the others rises again.
        byte[] where = [.. steps.Select(step => (byte)(schedule == LearningRateSchedule.Cosine && step > total ? 0 : 1))];
        run.Output(output, [.. steps.Select(step => LearningRates.At(options, step, total))], where);
    }

    private static void AdaptiveKl(GoldenRun run)
    {
        KlController controller = new(run.Case.Double("init_kl_coef"), run.Case.Double("target"), run.Case.Double("horizon"));
        run.Output("kl_coef_after_each_update", [.. run.Case.List("current_kl").Select(kl =>
        {
            controller.Update(kl.GetDouble(), run.Case.Integer("n_steps"));
            return (float)controller.Coefficient;
        })]);
    }

    private static void OverlongPenalty(GoldenRun run)
    {
        float[] rewards = run.Floats("rewards");
        if (run.Has("truncated"))
        {
            byte[] truncated = run.Input("truncated").Flags();
            run.Output("rewards_after", [.. rewards.Zip(truncated, (r, cut) => cut != 0 ? LengthPenalty.Truncated(r, run.Case.Number("coef")) : r)]);
            run.Output("num_truncated", truncated.Sum(cut => cut));
            return;
        }

        float[] penalties = [.. run.Input("response_length").Ints().Select(length => LengthPenalty.Overlong(length,
            run.Case.Integer("max_new_tokens"), run.Case.Integer("overlong_buffer_len"), run.Case.Number("overlong_penalty_factor")))];
        run.Output("rewards_after", [.. rewards.Zip(penalties, (r, p) => r + p)]);
        run.Output("num_penalized", penalties.Count(p => p != 0));
    }

    private static void RunningMeanStd(GoldenRun run)
    {
        GoldenTensor batches = run.Input("batches");
        int size = batches.Shape[1] * batches.Shape[2];
        RunningMoments moments = new(batches.Width, run.Case.Number("epsilon"));
        for (int batch = 0; batch < batches.Shape[0]; batch++)
        {
            moments.Update(batches.Floats().AsSpan(batch * size, size));
            run.Output($"mean{batch}", Array.ConvertAll(moments.Mean.ToArray(), value => (float)value));
            run.Output($"var{batch}", Array.ConvertAll(moments.Variance.ToArray(), value => (float)value));
            run.Output($"count{batch}", moments.Count);
        }
    }
}
