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
    };

    private static void LearningRate(GoldenRun run)
    {
        GoldenCase c = run.Case;
        LearningRateSchedule schedule = c.Name switch
        {
            _ when c.Name.StartsWith("hf_constant", StringComparison.Ordinal) || c.Name == "verl_constant_warmup" => LearningRateSchedule.Constant,
            _ when c.Text("name") is "cosine" or "cosine_with_min_lr" || c.Name == "verl_cosine_min_ratio" => LearningRateSchedule.Cosine,
            _ when c.Text("name") == "linear" || c.Name == "cleanrl_anneal" => LearningRateSchedule.Linear,
            _ => throw new UnsupportedCaseException("the engine has a constant, a linear and a cosine schedule"),
        };
        OptimizerOptions options = new()
        {
            LearningRate = c.Number("lr", c.Number("learning_rate")),
            WarmupSteps = c.Integer("num_warmup_steps"),
            Schedule = schedule,
            MinimumRatio = c.Number("min_lr_rate", c.Number("min_lr_ratio", 0)),
        };
        string output = c.Outputs.Keys.Single();
        int total = c.Integer("num_training_steps", c.Integer("num_iterations"));
        int[] steps = [.. Enumerable.Range(0, c.Outputs[output].Data.Length)];
        // Past the last step, where no run goes, the cosine of the others rises again.
        byte[] where = [.. steps.Select(step => (byte)(schedule == LearningRateSchedule.Cosine && step > total ? 0 : 1))];
        run.Output(output, [.. steps.Select(step => LearningRates.At(options, step, total))], where);
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
