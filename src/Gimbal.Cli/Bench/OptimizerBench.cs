using Gimbal.Tensors;

namespace Gimbal.Cli.Bench;

/// <summary>Passes over all parameters: bound by memory.</summary>
internal static class OptimizerBench
{
    private const int Parameters = 8 << 20;

    public static readonly Dictionary<string, Func<BenchData, BenchCase>> All = new()
    {
        ["adamw"] = Adamw,
        ["grad_norm"] = data => Norm(data, (gradients, state) => Ops.GradNorm(gradients, state, 1)),
        ["grad_max"] = data => Norm(data, (gradients, state) => Ops.GradMax(gradients, state, 1)),
        ["scale"] = Scale,
    };

    // Weights and both moments are read and written.
    private static BenchCase Adamw(BenchData data)
    {
        Tensor weights = data.Normal([data.Rows(Parameters)], 0.02f), gradients = data.Normal(weights.Shape, 0.01f);
        Tensor m = data.Normal(weights.Shape, 0.01f), v = data.Normal(weights.Shape, 1e-5f, 1e-4f);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        state.WriteOptimizer(100, 1e-4f, 0.9f, 0.999f);
        return BenchCase.Of($"{weights.Count}", () => Ops.Adamw(weights, gradients, m, v, default, state.Tensor, weights.Count, 0.9f,
            0.999f, 1e-8f, 0.01f), weights, weights, gradients, m, m, v, v);
    }

    private static BenchCase Norm(BenchData data, Action<Tensor, Tensor> run)
    {
        Tensor gradients = data.Normal([data.Rows(Parameters)], 0.01f);
        StepStateBuffer state = data.Own(new StepStateBuffer(data.Device));
        return BenchCase.Of($"{gradients.Count}", () => run(gradients, state.Tensor), gradients);
    }

    private static BenchCase Scale(BenchData data)
    {
        Tensor x = data.Normal([data.Rows(Parameters)]);
        return BenchCase.Of($"{x.Count}", () => Ops.Scale(x, 1.0001f), x, x);
    }
}
