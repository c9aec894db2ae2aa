using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>A weighted mix of losses over pairs, the mean over pairs of each.</summary>
internal sealed class Pairs
{
    private readonly GoldenRun run;
    private readonly float[][] sides;
    private readonly float beta;

    /// <param name="run">The case.</param>
    /// <param name="chosen">Log-probabilities of the chosen completions.</param>
    /// <param name="rejected">Of the rejected ones.</param>
    /// <param name="refChosen">Of the reference, or null without one.</param>
    /// <param name="refRejected">Of the reference.</param>
    public Pairs(GoldenRun run, float[] chosen, float[] rejected, float[]? refChosen = null, float[]? refRejected = null)
    {
        (this.run, beta) = (run, run.Case.Number("beta"));
        HasReference = refChosen is not null;
        sides = [chosen, rejected, refChosen ?? new float[chosen.Length], refRejected ?? new float[chosen.Length]];
        (Losses, ChosenGradient, RejectedGradient) = (new float[Count], new float[Count], new float[Count]);
    }

    public int Count => sides[0].Length;

    /// <summary>Losses of the pairs under the formula added last, before weight and mean.</summary>
    public float[] Losses { get; private set; }

    public float[] ChosenGradient { get; }

    public float[] RejectedGradient { get; }

    /// <summary>The sum of the losses added so far.</summary>
    public double Loss { get; private set; }

    private bool HasReference { get; }

    /// <summary>Adds a loss.</summary>
    /// <param name="objective">Formula, numbers, share.</param>
    /// <param name="matching">Which completions meet.</param>
    /// <param name="lengths">What divides each side's log-probabilities, chosen then rejected; empty: nothing.</param>
    public void Add(PreferenceObjective objective, PairMatching matching = PairMatching.OwnPair, params float[] lengths)
    {
        HostPairs host = new(Side(0, lengths), Side(1, lengths), Side(2, lengths), Side(3, lengths));
        (int[] chosen, int[] rejected, int[] reference) = PreferenceLosses.Match(host, matching);
        float[] At(float[] values, int[] order) => [.. order.Select(i => values[i])];
        Tensor losses = run.New([Count]), dchosen = run.New([Count]), drejected = run.New([Count]), statistics = run.New([6], DType.Float64);
        Tensor[] inputs =
        [
            run.From(At(host.Chosen, chosen)), run.From(At(host.Rejected, rejected)),
            HasReference ? run.From(At(host.RefChosen, reference)) : default,
            HasReference ? run.From(At(host.RefRejected, matching == PairMatching.RanksOfSides ? rejected : reference)) : default,
        ];
        Ops.PreferenceLoss(inputs[0], inputs[1], inputs[2], inputs[3], default, losses, default, default, default, objective with { Coefficient = 1 });
        Losses = losses.ToArray<float>();
        Ops.PreferenceLoss(inputs[0], inputs[1], inputs[2], inputs[3], run.From([.. Enumerable.Repeat(1f / Count, Count)]), default, dchosen,
            drejected, statistics, objective);
        Loss += statistics.ToArray<double>()[0];
        Accumulate(ChosenGradient, dchosen, chosen, 0, lengths);
        Accumulate(RejectedGradient, drejected, rejected, 1, lengths);
    }

    /// <summary>Implicit rewards beta (logprob - ref) of every pair, compared under the names of other systems.</summary>
    /// <param name="objective">Whose scores the rewards are; null: log-ratios, as TRL logs them whatever the loss.</param>
    public void Rewards(PreferenceObjective? objective = null)
    {
        float[] chosen = new float[Count], rejected = new float[Count];
        double right = 0;
        for (int i = 0; i < Count; i++)
        {
            Tensor statistics = run.New([6], DType.Float64);
            Tensor One(int side) => run.From(sides[side][i]);
            Ops.PreferenceLoss(One(0), One(1), One(2), One(3), default, default, default, default, statistics, objective ?? new() { Beta = beta });
            double[] sums = statistics.ToArray<double>();
            (chosen[i], rejected[i], right) = ((float)sums[3], (float)sums[4], right + sums[5]);
        }

        run.Output("chosen_rewards", chosen);
        run.Output("rejected_rewards", rejected);
        run.Output("reward_accuracy", right / Count);
        run.Output("margins", [.. chosen.Zip(rejected, (c, r) => c - r)]);
        run.Output("metric.rewards/chosen", chosen.Average());
        run.Output("metric.rewards/rejected", rejected.Average());
        run.Output("metric.rewards/accuracies", right / Count);
        run.Output("metric.rewards/margins", chosen.Average() - rejected.Average());
    }

    private float[] Side(int side, float[] lengths) => lengths.Length == 0 ? sides[side] : Scale(run.From(sides[side]), side % 2, lengths);

    private float[] Scale(Tensor values, int side, float[] lengths)
    {
        Tensor scaled = run.New([Count]), shares = run.From([.. lengths.AsSpan(side * Count, Count).ToArray().Select(length => 1 / length)]);
        Ops.Multiply(values, shares, scaled);
        return scaled.ToArray<float>();
    }

    private void Accumulate(float[] total, Tensor gradient, int[] order, int side, float[] lengths)
    {
        float[] sorted = gradient.ToArray<float>(), own = new float[Count];
        for (int i = 0; i < Count; i++)
            own[order[i]] = sorted[i];
        own = lengths.Length == 0 ? own : Scale(run.From(own), side, lengths);
        for (int i = 0; i < Count; i++)
            total[i] += own[i];
    }
}
