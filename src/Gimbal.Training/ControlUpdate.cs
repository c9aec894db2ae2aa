using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>What the loss of one minibatch was, before its optimizer step.</summary>
/// <param name="Loss">PolicyLoss - c_entropy Entropy + c_value ValueLoss.</param>
/// <param name="PolicyLoss">Mean of the clipped objective, negated.</param>
/// <param name="ValueLoss">Mean of (value - return)^2 / 2, clipped if asked for.</param>
/// <param name="Entropy">Mean entropy of the policy.</param>
/// <param name="OldApproxKl">Mean of old - new log-probability (k1).</param>
/// <param name="ApproxKl">Mean of ratio - 1 - log ratio (k3).</param>
/// <param name="ClipFraction">Share of samples with |ratio - 1| above the clip range.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
internal readonly record struct MinibatchLoss(double Loss, double PolicyLoss, double ValueLoss, double Entropy, double OldApproxKl,
    double ApproxKl, double ClipFraction, double GradientNorm);

/// <summary>Means over minibatches.</summary>
internal struct LossMeans
{
    private MinibatchLoss sum;
    private int count;

    public readonly double Loss => sum.Loss / count;

    public void Add(in MinibatchLoss more)
    {
        count++;
        sum = new MinibatchLoss(sum.Loss + more.Loss, sum.PolicyLoss + more.PolicyLoss, sum.ValueLoss + more.ValueLoss,
            sum.Entropy + more.Entropy, sum.OldApproxKl + more.OldApproxKl, sum.ApproxKl + more.ApproxKl,
            sum.ClipFraction + more.ClipFraction, sum.GradientNorm + more.GradientNorm);
    }

    public readonly void Describe(MetricRow metrics)
    {
        metrics[MetricNames.ControlPolicyLoss] = sum.PolicyLoss / count;
        metrics[MetricNames.ControlValueLoss] = sum.ValueLoss / count;
        metrics[MetricNames.ControlEntropy] = sum.Entropy / count;
        metrics[MetricNames.ControlOldApproxKl] = sum.OldApproxKl / count;
        metrics[MetricNames.ControlApproxKl] = sum.ApproxKl / count;
        metrics[MetricNames.ControlClipFraction] = sum.ClipFraction / count;
        metrics[MetricNames.GradNorm] = sum.GradientNorm / count;
    }
}

/// <summary>The optimizer steps of classic PPO: one minibatch of a rollout each.</summary>
internal sealed class ControlUpdate : IDisposable
{
    private const int PolicyStatistics = 8, ValueStatistics = 4;
    private const double StopFactor = 1.5; // of the target, in Stable-Baselines3

    private readonly ControlPolicy policy;
    private readonly ControlRollout rollout;
    private readonly ControlOptions options;
    private readonly Tape tape;
    private readonly Column column = new();
    private readonly float[] normalized;
    private readonly double[] policySums = new double[PolicyStatistics], valueSums = new double[ValueStatistics];
    private readonly Tensor policyStatistics, valueStatistics, weights, valueWeights, dentropy;
    private readonly RepeatedOps ops;
    private readonly Action addGradients;
    private Minibatch batch;

    /// <param name="policy">Trained in place.</param>
    /// <param name="rollout">With its advantages, whenever <see cref="Step"/> is called.</param>
    /// <param name="options">Clipping, coefficients, optimizer.</param>
    /// <param name="minibatch">Samples of a minibatch, always as many.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run, for the schedule.</param>
    public ControlUpdate(ControlPolicy policy, ControlRollout rollout, ControlOptions options, int minibatch, long totalSteps)
    {
        (this.policy, this.rollout, this.options) = (policy, rollout, options);
        Optimizer = new Optimizer(policy.Store, options.Anneal
            ? options.Optimizer with { Schedule = LearningRateSchedule.Linear, MinimumRatio = 0 }
            : options.Optimizer, totalSteps);
        Arena = new Arena(policy.Device, policy.ActivationBytes(minibatch) + rollout.EstimateBytes);
        tape = new Tape(Arena) { Recording = true };
        (ops, addGradients) = (new RepeatedOps(policy.Device), AddGradients);
        normalized = new float[minibatch];
        policyStatistics = Arena.Allocate(DType.Float64, new Shape(PolicyStatistics));
        valueStatistics = Arena.Allocate(DType.Float64, new Shape(ValueStatistics));
        weights = Constant(1f / minibatch, minibatch);
        valueWeights = Constant(options.ValueCoefficient / minibatch, minibatch);
        dentropy = options.EntropyCoefficient == 0 ? default : Constant(-options.EntropyCoefficient / minibatch, minibatch);
    }

    public Optimizer Optimizer { get; }

    public Arena Arena { get; }

    public long PeakBytes => Arena.PeakBytes;

    /// <summary>True once the device launches the ops of a step together.</summary>
    public bool IsRecorded => ops.IsRecorded;

    /// <summary>One optimizer step on the samples <paramref name="rows"/> of the rollout.</summary>
    /// <param name="rows">As many as every minibatch has.</param>
    /// <param name="totals">Counts differing bits of log-probabilities; null once the policy is not the one that acted.</param>
    /// <returns>Null, and nothing is learned, if the policy has moved too far for <see cref="ControlOptions.StopWithinPass"/>.</returns>
    public MinibatchLoss? Step(ReadOnlySpan<int> rows, TrainingTotals? totals)
    {
        // Every step finds these at the addresses of the one before, so that its ops may be recorded.
        using ArenaScope scope = Arena.Enter();
        batch = new Minibatch(policy.Upload(Arena, rollout.Gather(rollout.Observations, rollout.ObservationSize, rows)),
            policy.Head.Upload(Arena, rollout.Gather(rollout.Actions, rollout.ActionSize, rows)), Upload(rollout.Logprobs, rows),
            Advantages(rows), Upload(rollout.Values, rows), Upload(rollout.Returns, rows), NewColumn(rows.Length), NewColumn(rows.Length));
        ops.Run(addGradients);
        ReadOnlySpan<float> logprobs = column.Download(batch.Logprobs);
        double clipFraction = ClipFraction(logprobs, rows);
        totals?.Compare(logprobs, rollout.Gather(rollout.Logprobs, 1, rows));
        policyStatistics.CopyTo<double>(policySums);
        if (options.StopWithinPass && options.TargetKl > 0 && policySums[6] / rows.Length > StopFactor * options.TargetKl)
        {
            policy.Store.ClearGradients();
            return null;
        }

        double entropy = column.SumOf(batch.Entropies) / rows.Length;
        Optimizer.Step();

        valueStatistics.CopyTo<double>(valueSums);
        double loss = policySums[0] + valueSums[0] - options.EntropyCoefficient * entropy;
        return new MinibatchLoss(loss, policySums[0], options.ValueCoefficient == 0 ? 0 : valueSums[0] / options.ValueCoefficient, entropy,
            policySums[5] / rows.Length, policySums[6] / rows.Length, clipFraction, Optimizer.GradientNorm);
    }

    public void Dispose()
    {
        ops.Dispose();
        Arena.Dispose();
        Optimizer.Dispose();
    }

    /// <summary>Forward and backward: gradients are added, log-probabilities, entropies and statistics written. Nothing here reads the host.</summary>
    private void AddGradients()
    {
        using ArenaScope scope = Arena.Enter();
        ActorOutput output = policy.Actor(tape, batch.Inputs);
        Tensor value = policy.Critic(tape, batch.Inputs);
        ActionLogprob now = policy.Head.Logprob(Arena, output, batch.Actions);
        batch.Logprobs.CopyFrom(now.Logprob);
        batch.Entropies.CopyFrom(now.Entropy);

        // max(-A ratio, -A clip(ratio)), A normalised within the minibatch.
        Tensor losses = NewColumn((int)batch.Old.Count), dlogprob = NewColumn((int)batch.Old.Count);
        policyStatistics.Clear();
        Ops.PpoClipLoss(now.Logprob, batch.Old, batch.Advantages, weights, losses, dlogprob, policyStatistics, options.ClipRange,
            options.ClipRange);
        policy.Head.Backward(tape, output, batch.Actions, now, dlogprob, dentropy);

        // c (v - R)^2 / 2.
        Tensor dvalue = Arena.Allocate(DType.Float32, value.Shape);
        valueStatistics.Clear();
        if (options.ClippedValueAlone && options.ClipRangeValue > 0)
        {
            Ops.ClippedValueLoss(value, batch.OldValues, batch.Returns, valueWeights, losses, dvalue, valueStatistics, options.ClipRangeValue);
        }
        else
        {
            Ops.ValueClipLoss(value, batch.OldValues, batch.Returns, valueWeights, losses, dvalue, valueStatistics, options.ClipRangeValue);
        }

        tape.SetGradient(value, dvalue);
        tape.Backward();
    }

    /// <summary>(A - mean) / (std + 1e-8) within the minibatch, std with ddof 1; epsilon outside the root, so that equal advantages give 0.</summary>
    private Tensor Advantages(ReadOnlySpan<int> rows)
    {
        ReadOnlySpan<float> advantages = rollout.Gather(rollout.Advantages, 1, rows);
        if (options.NormalizeAdvantages && rows.Length > 1)
        {
            double mean = 0, squares = 0;
            foreach (float advantage in advantages)
            {
                mean += advantage;
            }

            mean /= rows.Length;
            foreach (float advantage in advantages)
            {
                squares += (advantage - mean) * (advantage - mean);
            }

            double scale = 1 / (Math.Sqrt(squares / (rows.Length - 1)) + 1e-8);
            for (int i = 0; i < rows.Length; i++)
            {
                normalized[i] = (float)((advantages[i] - mean) * scale);
            }

            advantages = normalized;
        }

        Tensor tensor = NewColumn(rows.Length);
        tensor.CopyFrom(advantages);
        return tensor;
    }

    private double ClipFraction(ReadOnlySpan<float> logprobs, ReadOnlySpan<int> rows)
    {
        double low = Math.Log(1 - options.ClipRange), high = Math.Log(1 + options.ClipRange);
        int count = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            double logRatio = (double)logprobs[i] - rollout.Logprobs[rows[i]];
            count += logRatio < low || logRatio > high ? 1 : 0;
        }

        return (double)count / rows.Length;
    }

    private Tensor NewColumn(int rows) => Arena.Allocate(DType.Float32, new Shape(rows));

    private Tensor Upload(float[] source, ReadOnlySpan<int> rows)
    {
        Tensor tensor = NewColumn(rows.Length);
        tensor.CopyFrom(rollout.Gather(source, 1, rows));
        return tensor;
    }

    private Tensor Constant(float value, int count)
    {
        column.Clear();
        column.AddRepeated(value, count);
        return column.Upload(Arena);
    }

    /// <summary>What a step is of (rows each), and the log-probabilities and entropies that it leaves.</summary>
    private readonly record struct Minibatch(Tensor Inputs, Tensor Actions, Tensor Old, Tensor Advantages, Tensor OldValues, Tensor Returns,
        Tensor Logprobs, Tensor Entropies);
}
