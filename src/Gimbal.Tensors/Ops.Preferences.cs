using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>Losses over a pair, with the values of <c>GB_PREFERENCE_*</c>; z = beta (s_chosen - s_rejected) - margin.</summary>
public enum PreferenceForm
{
    /// <summary>DPO (Rafailov et al. 2023), cDPO with label smoothing, SimPO with a margin: -(1 - e) log sigmoid(z) - e log sigmoid(-z).</summary>
    Sigmoid = 0,

    /// <summary>Robust DPO (Chowdhury et al. 2024): (-(1 - e) log sigmoid(z) + e log sigmoid(-z)) / (1 - 2 e).</summary>
    Robust = 1,

    /// <summary>SLiC (Zhao et al. 2023): max(0, 1 - z).</summary>
    Hinge = 2,

    /// <summary>IPO (Azar et al. 2023): ((z - 1/2) / beta)^2.</summary>
    Ipo = 3,

    /// <summary>EXO (Ji et al. 2024): the reverse KL of (sigmoid(z), sigmoid(-z)) to (1 - e, e).</summary>
    Exo = 4,

    /// <summary>NCA (Chen et al. 2024): -log sigmoid(c) - log sigmoid(-c) / 2 - log sigmoid(-r) / 2.</summary>
    Nca = 5,

    /// <summary>BCO over pairs (Jung et al. 2024): -log sigmoid(c - margin) - log sigmoid(margin - r).</summary>
    Bco = 6,

    /// <summary>APO-zero (D'Oosterlinck et al. 2024): sigmoid(-c) + sigmoid(r).</summary>
    ApoZero = 7,

    /// <summary>APO-down: sigmoid(c) + sigmoid(-z).</summary>
    ApoDown = 8,

    /// <summary>SPPO with hard labels (Wu et al. 2024): (s_chosen - 1 / (2 beta))^2 + (s_rejected + 1 / (2 beta))^2.</summary>
    Sppo = 9,

    /// <summary>DiscoPOP (Lu et al. 2024): -(1 - m) log sigmoid(z) + m exp(-z), m = sigmoid(z / temperature).</summary>
    Discopop = 10,

    /// <summary>ORPO (Hong et al. 2024): -beta log sigmoid(o_chosen - o_rejected), o = h - log(1 - e^h).</summary>
    OddsRatio = 11,
}

/// <summary>What a log-ratio h counts as in a pair's loss, with the values of <c>GB_DIVERGENCE_*</c> (Wang et al. 2024).</summary>
public enum PreferenceDivergence
{
    /// <summary>h.</summary>
    ReverseKl = 0,

    /// <summary>-exp(-h).</summary>
    ForwardKl = 1,

    /// <summary>log sigmoid(h).</summary>
    JensenShannon = 2,

    /// <summary>exp((alpha - 1) h) / (alpha - 1).</summary>
    Alpha = 3,
}

/// <summary>Losses over a labelled sample, with the values of <c>GB_UNPAIRED_*</c>.</summary>
public enum UnpairedForm
{
    /// <summary>Ethayarajh et al. 2024: 1 - sigmoid(x).</summary>
    Kto = 0,

    /// <summary>Jung et al. 2024: -log sigmoid(x).</summary>
    Bco = 1,
}

/// <summary>A loss over pairs and its numbers.</summary>
public sealed record PreferenceObjective
{
    /// <summary>The formula.</summary>
    public PreferenceForm Form { get; init; } = PreferenceForm.Sigmoid;

    /// <summary>What a log-ratio counts as.</summary>
    public PreferenceDivergence Divergence { get; init; } = PreferenceDivergence.ReverseKl;

    /// <summary>Strength of the pull to the reference.</summary>
    public float Beta { get; init; } = 0.1f;

    /// <summary>e of the sigmoid, robust and EXO forms.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>Taken off z.</summary>
    public float Margin { get; init; }

    /// <summary>Of the alpha divergence.</summary>
    public float Alpha { get; init; } = 0.5f;

    /// <summary>Of DiscoPOP.</summary>
    public float Temperature { get; init; } = 0.05f;

    /// <summary>Share of this loss among several.</summary>
    public float Coefficient { get; init; } = 1;
}

public static unsafe partial class Ops
{
    /// <summary>
    /// A loss over pairs, and its gradients, in one pass: h = logprob - ref of a side, s = h or what the divergence makes of it,
    /// c = beta s_chosen, r = beta s_rejected, z = c - r - margin, and the formula of <see cref="PreferenceForm"/>.
    /// </summary>
    /// <param name="chosen">Log-probabilities of the chosen completions, sums or means over their tokens (pairs).</param>
    /// <param name="rejected">The same of the rejected completions.</param>
    /// <param name="refChosen">Those of the reference; empty with <paramref name="refRejected"/>: 0.</param>
    /// <param name="refRejected">Those of the reference.</param>
    /// <param name="weights">(pairs), or empty: 1.</param>
    /// <param name="losses">Weighted (pairs), or empty.</param>
    /// <param name="dchosen">(pairs), or empty.</param>
    /// <param name="drejected">(pairs), or empty.</param>
    /// <param name="statistics">(6), added: losses, weights, pairs, beta (s - s(0)) of either side, pairs with chosen above.</param>
    /// <param name="objective">Formula and numbers.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    /// <exception cref="DeviceException">A number is out of the formula's range.</exception>
    public static void PreferenceLoss(in Tensor chosen, in Tensor rejected, in Tensor refChosen, in Tensor refRejected,
        in Tensor weights, in Tensor losses, in Tensor dchosen, in Tensor drejected, in Tensor statistics,
        PreferenceObjective objective)
    {
        ArgumentNullException.ThrowIfNull(objective);
        long pairs = chosen.Count;
        WantCount(chosen, DType.Float32, pairs);
        WantCount(rejected, DType.Float32, pairs);
        WantOptional(refChosen, DType.Float32, pairs);
        WantOptional(refRejected, DType.Float32, pairs);
        WantOptional(weights, DType.Float32, pairs);
        WantOptional(losses, DType.Float32, pairs);
        WantOptional(dchosen, DType.Float32, pairs);
        WantOptional(drejected, DType.Float32, pairs);
        WantOptional(statistics, DType.Float64, 6);
        Preference preference = new()
        {
            StructSize = sizeof(Preference),
            Form = (int)objective.Form,
            Divergence = (int)objective.Divergence,
            Beta = objective.Beta,
            LabelSmoothing = objective.LabelSmoothing,
            Margin = objective.Margin,
            Alpha = objective.Alpha,
            Temperature = objective.Temperature,
            Coefficient = objective.Coefficient,
        };
        NativeMethods.gb_preference_loss(chosen.Device.Context, (float*)chosen.Pointer, (float*)rejected.Pointer,
            (float*)refChosen.Pointer, (float*)refRejected.Pointer, (float*)weights.Pointer, (float*)losses.Pointer,
            (float*)dchosen.Pointer, (float*)drejected.Pointer, (double*)statistics.Pointer, pairs, preference).Check();
    }

    /// <summary>
    /// A loss over labelled samples, and its gradient: x = beta h - shift where desirable, shift - beta h elsewhere,
    /// h = logprob - ref; 1 - sigmoid(x) (KTO) or -log sigmoid(x) (BCO).
    /// </summary>
    /// <param name="logprobs">(count).</param>
    /// <param name="refLogprobs">(count), or empty: 0.</param>
    /// <param name="desirable">Labels (count), uint8.</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dlogprobs">(count), or empty.</param>
    /// <param name="statistics">
    /// (6), added: losses, weights, samples, beta h of the desirable, of the others, desirable samples; or empty.
    /// </param>
    /// <param name="beta">Strength of the pull to the reference.</param>
    /// <param name="shift">beta z0 of KTO, delta of BCO.</param>
    /// <param name="form">The formula.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void UnpairedLoss(in Tensor logprobs, in Tensor refLogprobs, in Tensor desirable, in Tensor weights,
        in Tensor losses, in Tensor dlogprobs, in Tensor statistics, float beta, float shift, UnpairedForm form = UnpairedForm.Kto)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantOptional(refLogprobs, DType.Float32, count);
        WantCount(desirable, DType.UInt8, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 6);
        NativeMethods.gb_unpaired_loss(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)refLogprobs.Pointer,
            (byte*)desirable.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dlogprobs.Pointer,
            (double*)statistics.Pointer, count, beta, shift, (int)form).Check();
    }

    /// <summary>
    /// l = -p^power log p of given log-probabilities, p^power counting as a constant: the negative log-likelihood, or with power 1
    /// dynamic fine-tuning (Wu et al. 2025).
    /// </summary>
    /// <param name="logprobs">log p (count).</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dlogprobs">(count), or empty.</param>
    /// <param name="statistics">(3), added: losses, weights, elements; or empty.</param>
    /// <param name="power">At least 0.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void NllLoss(in Tensor logprobs, in Tensor weights, in Tensor losses, in Tensor dlogprobs, in Tensor statistics,
        float power = 0)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 3);
        NativeMethods.gb_nll_loss(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)weights.Pointer,
            (float*)losses.Pointer, (float*)dlogprobs.Pointer, (double*)statistics.Pointer, count, power).Check();
    }
}
