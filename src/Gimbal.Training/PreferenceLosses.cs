using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>The losses over pairs that <c>dpo.loss</c> asks for, added up: sums of log-probabilities in, their gradients out.</summary>
public sealed class PreferenceLosses
{
    private readonly (PreferenceObjective Objective, PairMatching Matching)[] terms;

    /// <summary>The losses of some options, which are valid.</summary>
    public PreferenceLosses(DpoOptions options)
    {
        IReadOnlyList<PreferenceTerm> named = PreferenceTerm.Parse("dpo.loss", options.Loss);
        terms = [.. named.Where(term => term.Form is not null).Select(term => (Objective(options, term), term.Matching))];
        Likelihood = named.Where(term => term.Form is null).Sum(term => term.Weight);
    }

    /// <summary>Weight of the negative log-likelihood of the chosen completions.</summary>
    public float Likelihood { get; }

    /// <summary>Formulas, without the negative log-likelihood.</summary>
    public int Count => terms.Length;

    /// <summary>True if a loss compares a completion with those of other pairs of the step.</summary>
    public bool IsCoupled => terms.Any(term => term.Matching != PairMatching.OwnPair);

    /// <summary>The numbers of one loss as the options have them.</summary>
    public static PreferenceObjective Objective(DpoOptions options, PreferenceTerm term) => new()
    {
        Form = term.Form!.Value,
        Divergence = options.Divergence == RatioDivergence.Alpha && options.Alpha == 1
            ? PreferenceDivergence.ReverseKl
            : (PreferenceDivergence)options.Divergence,
        Beta = options.Beta,
        LabelSmoothing = options.LabelSmoothing,
        Margin = options.Margin,
        Alpha = options.Alpha,
        Temperature = options.Temperature,
        Coefficient = term.Weight,
    };

    /// <summary>Adds up the losses of pairs, each compared within itself, and their gradients.</summary>
    /// <param name="arena">Scratch memory, in the caller's scope.</param>
    /// <param name="pairs">Sums over the completions (pairs); the reference's are empty without one.</param>
    /// <param name="weights">(pairs).</param>
    /// <param name="dchosen">Written (pairs).</param>
    /// <param name="drejected">Written (pairs).</param>
    /// <param name="statistics">Of <see cref="Ops.PreferenceLoss"/>, each loss adding its own.</param>
    public void Add(Arena arena, in PairSums pairs, in Tensor weights, in Tensor dchosen, in Tensor drejected, in Tensor statistics)
    {
        dchosen.Clear();
        drejected.Clear();
        Tensor left = arena.Allocate(DType.Float32, dchosen.Shape), right = arena.Allocate(DType.Float32, dchosen.Shape);
        foreach ((PreferenceObjective objective, _) in terms)
        {
            Ops.PreferenceLoss(pairs.Chosen, pairs.Rejected, pairs.RefChosen, pairs.RefRejected, weights, default, left, right,
                statistics, objective);
            Ops.Add(dchosen, left, dchosen);
            Ops.Add(drejected, right, drejected);
        }
    }

    /// <summary>
    /// The same over all pairs of a step in host memory, where a loss may compare a completion with those of other pairs.
    /// </summary>
    /// <param name="arena">Scratch memory, in the caller's scope.</param>
    /// <param name="pairs">Sums over the completions.</param>
    /// <param name="weight">Of every pair.</param>
    /// <param name="dchosen">Written, one a pair.</param>
    /// <param name="drejected">Written, one a pair.</param>
    /// <param name="statistics">Of <see cref="Ops.PreferenceLoss"/>.</param>
    /// <remarks>
    /// Alignment by optimal transport (Melnyk et al. 2024): in one dimension the cheapest plan joins what has equal rank. So
    /// the loss is that of pairs sorted on either side, and its gradients go back to where their completions came from.
    /// </remarks>
    public void AddCoupled(Arena arena, HostPairs pairs, float weight, Span<float> dchosen, Span<float> drejected, in Tensor statistics)
    {
        dchosen.Clear();
        drejected.Clear();
        float[] left = new float[dchosen.Length], right = new float[dchosen.Length];
        foreach ((PreferenceObjective objective, PairMatching matching) in terms)
        {
            (int[] chosen, int[] rejected, int[] reference) = Match(pairs, matching);
            using ArenaScope scope = arena.Enter();
            Tensor Column(ReadOnlySpan<float> values) => Upload(arena, values);
            Tensor l = Column(left), r = Column(right);
            Ops.PreferenceLoss(Column(At(pairs.Chosen, chosen)), Column(At(pairs.Rejected, rejected)),
                Column(At(pairs.RefChosen, matching == PairMatching.RanksOfSides ? chosen : reference)),
                Column(At(pairs.RefRejected, matching == PairMatching.RanksOfSides ? rejected : reference)),
                Column([.. Enumerable.Repeat(weight, left.Length)]), default, l, r, statistics, objective);
            l.CopyTo(left.AsSpan());
            r.CopyTo(right.AsSpan());
            for (int i = 0; i < left.Length; i++)
            {
                dchosen[chosen[i]] += left[i];
                drejected[rejected[i]] += right[i];
            }
        }
    }

    /// <summary>Numbers of the chosen, rejected and reference completions that meet, in the order of rank.</summary>
    public static (int[] Chosen, int[] Rejected, int[] Reference) Match(HostPairs pairs, PairMatching matching)
    {
        switch (matching)
        {
            case PairMatching.RanksOfRatios:
                int[] policy = Ascending(pairs.Chosen, pairs.Rejected);
                return (policy, policy, Ascending(pairs.RefChosen, pairs.RefRejected));
            case PairMatching.RanksOfSides:
                int[] chosen = Ascending(pairs.Chosen, pairs.RefChosen);
                return (chosen, Ascending(pairs.Rejected, pairs.RefRejected), chosen);
            default:
                int[] own = [.. Enumerable.Range(0, pairs.Chosen.Length)];
                return (own, own, own);
        }
    }

    // Order of the differences; equal ones stay in their order.
    private static int[] Ascending(float[] a, float[] b) => [.. Enumerable.Range(0, a.Length).OrderBy(i => a[i] - b[i])];

    private static float[] At(float[] values, int[] order) => [.. order.Select(i => values[i])];

    private static Tensor Upload(Arena arena, ReadOnlySpan<float> values)
    {
        Tensor tensor = arena.Allocate(DType.Float32, new Shape(values.Length));
        tensor.CopyFrom(values);
        return tensor;
    }
}

/// <summary>Log-probabilities of the two sides of some pairs, on the device (pairs).</summary>
/// <param name="Chosen">Under the policy.</param>
/// <param name="Rejected">Under the policy.</param>
/// <param name="RefChosen">Under the reference, or empty.</param>
/// <param name="RefRejected">Under the reference, or empty.</param>
public readonly record struct PairSums(Tensor Chosen, Tensor Rejected, Tensor RefChosen, Tensor RefRejected);

/// <summary>The same of all pairs of a step in host memory; without a reference its side is 0.</summary>
/// <param name="Chosen">Under the policy.</param>
/// <param name="Rejected">Under the policy.</param>
/// <param name="RefChosen">Under the reference.</param>
/// <param name="RefRejected">Under the reference.</param>
public sealed record HostPairs(float[] Chosen, float[] Rejected, float[] RefChosen, float[] RefRejected);
