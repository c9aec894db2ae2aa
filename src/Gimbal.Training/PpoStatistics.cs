using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Sums over the updates of a step of PPO, from which its metrics are made.</summary>
internal sealed class PpoStatistics
{
    private readonly Column column = new();
    private double squaredLogRatio, entropy, policyNorm, valueNorm;
    private int policyUpdates, valueUpdates;

    /// <param name="arena">Holds the sums that ops add to, outside of any scope.</param>
    public PpoStatistics(Arena arena)
    {
        Policy = arena.Allocate(DType.Float64, new Shape(8));
        Value = arena.Allocate(DType.Float64, new Shape(4));
        Clear();
    }

    /// <summary>What <see cref="Ops.PpoClipLoss"/> adds to.</summary>
    public Tensor Policy { get; }

    /// <summary>What <see cref="Ops.ValueClipLoss"/> adds to.</summary>
    public Tensor Value { get; }

    public void Clear()
    {
        Policy.Clear();
        Value.Clear();
        (squaredLogRatio, entropy, policyNorm, valueNorm, policyUpdates, valueUpdates) = (0, 0, 0, 0, 0, 0);
    }

    /// <summary>Adds what the policy's loss does not: entropies and squared log-ratios of tokens that have a weight.</summary>
    public void Add(in Tensor logprob, in Tensor entropies, ReadOnlySpan<float> old, ReadOnlySpan<float> weights)
    {
        ReadOnlySpan<float> values = column.Download(logprob);
        for (int i = 0; i < values.Length; i++)
        {
            double ratio = weights[i] == 0 ? 0 : (double)values[i] - old[i];
            squaredLogRatio += ratio * ratio;
        }

        values = column.Download(entropies);
        for (int i = 0; i < values.Length; i++)
        {
            entropy += weights[i] == 0 ? 0 : values[i];
        }
    }

    public void AddPolicyUpdate(float gradientNorm) => (policyNorm, policyUpdates) = (Math.Max(policyNorm, gradientNorm), policyUpdates + 1);

    public void AddValueUpdate(float gradientNorm) => (valueNorm, valueUpdates) = (Math.Max(valueNorm, gradientNorm), valueUpdates + 1);

    /// <summary>Writes the metrics of the updates so far. A step that left the policy alone has none of the policy's.</summary>
    public void Write(MetricRow metrics, float valueCoefficient)
    {
        double[] policy = Policy.ToArray<double>(), value = Value.ToArray<double>();
        double tokens = Math.Max(1, policy[2]), states = Math.Max(1, value[2]);
        double valueLoss = value[0] / Math.Max(1, valueUpdates), policyLoss = policy[0] / Math.Max(1, policyUpdates);
        metrics[MetricNames.Loss] = policyLoss + valueCoefficient * valueLoss;
        metrics[MetricNames.LossValue] = valueLoss;
        metrics[MetricNames.ValueClipFraction] = value[3] / states;
        metrics[MetricNames.ValueGradNorm] = valueNorm;
        if (policyUpdates > 0)
        {
            metrics[MetricNames.LossPolicy] = policyLoss;
            metrics[MetricNames.PolicyApproxKl] = squaredLogRatio / 2 / tokens;
            metrics[MetricNames.PolicyClipFraction] = (policy[3] + policy[4]) / tokens;
            metrics[MetricNames.PolicyEntropy] = entropy / tokens;
            metrics[MetricNames.Entropy] = entropy / tokens;
            metrics[MetricNames.Ratio] = policy[7] / tokens;
            metrics[MetricNames.GradNorm] = policyNorm;
        }
    }
}
