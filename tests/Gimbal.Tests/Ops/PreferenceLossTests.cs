using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class PreferenceLossTests : PointwiseLossTests
{
    private const float Beta = 0.7f, Smoothing = 0.1f, Margin = 0.3f, Alpha = 0.4f, Temperature = 0.5f, Coefficient = 0.8f;

    private PreferenceForm form = PreferenceForm.Sigmoid;
    private PreferenceDivergence divergence = PreferenceDivergence.ReverseKl;

    public PreferenceLossTests() : base(1) { }

    private PreferenceLossTests(int threads) : base(threads) { }

    public static TheoryData<PreferenceForm, PreferenceDivergence> Losses =>
        new(from form in Enum.GetValues<PreferenceForm>()
            from divergence in Enum.GetValues<PreferenceDivergence>()
            where divergence == PreferenceDivergence.ReverseKl || !IsOfRatios(form)
            select (form, divergence));

    protected override double Relative => 4e-6; // measured: at most 0.41 of it

    [Theory]
    [MemberData(nameof(Losses))]
    public void EveryFormIsItsFormula(PreferenceForm form, PreferenceDivergence divergence)
    {
        (this.form, this.divergence) = (form, divergence);
        IsTheFormula(513);
        TheGradientIsTheDerivative();
        WeightZeroLeavesNoTrace();
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void ExtremeLogRatiosGiveNumbers(PreferenceForm form, PreferenceDivergence divergence)
    {
        (this.form, this.divergence) = (form, divergence);
        float[] extremes = form == PreferenceForm.OddsRatio ? [-1e4f, -100, -1e-30f, 0] : [-1e4f, -100, 0, 100, 1e4f];
        float[] chosen = [.. extremes.SelectMany(c => extremes.Select(_ => c))], rejected = [.. extremes.SelectMany(_ => extremes)];
        float[] none = new float[chosen.Length];
        Result result = Run([chosen, rejected, none, none], null);
        Assert.All(result.Losses.Concat(result.Gradients[0]).Concat(result.Gradients[1]),
            v => Assert.False(float.IsNaN(v), $"{form}, {divergence}"));
    }

    [Fact]
    public void AtTheReferenceTheLossIsLnTwo()
    {
        float[] chosen = Normal(100, seed: 1, scale: 50), rejected = Normal(100, seed: 2, scale: 50);
        Tensor losses = Output([100]), dchosen = Output([100]), drejected = Output([100]);
        Ops.PreferenceLoss(From(chosen), From(rejected), From(chosen), From(rejected), default, losses, dchosen, drejected, default,
            new() { Beta = 0.1f });
        Assert.All(losses.ToArray<float>(), v => Assert.Equal(Math.Log(2), v, 1e-7));
        Assert.All(dchosen.ToArray<float>(), v => Assert.Equal(-0.05f, v));
        Assert.All(drejected.ToArray<float>(), v => Assert.Equal(0.05f, v));
    }

    [Theory]
    [InlineData(1e4f, 0.0, 0.0)]
    [InlineData(-1e4f, 1e4, -1.0)]
    [InlineData(30f, 9.3576e-14, -9.3576e-14)]
    public void ExtremeMarginsAreFinite(float margin, double loss, double gradient)
    {
        Tensor losses = Output([1]), dchosen = Output([1]), drejected = Output([1]);
        Ops.PreferenceLoss(From(margin), From(0f), default, default, default, losses, dchosen, drejected, default, new() { Beta = 1 });
        Assert.Equal(loss, losses.ToArray<float>()[0], 1e-4 * Math.Abs(loss));
        Assert.Equal(gradient, dchosen.ToArray<float>()[0], 1e-4 * Math.Abs(gradient));
        Assert.Equal(-dchosen.ToArray<float>()[0], drejected.ToArray<float>()[0]);
    }

    // As a probability goes to 1 its log-odds go to infinity and their slope with it; the product with the loss's slope does not.
    [Fact]
    public void OddsOfACertaintyKeepTheirGradient()
    {
        form = PreferenceForm.OddsRatio;
        Result result = Run([[-1e-20f], [-0.7f], [0f], [0f]], null);
        double odds = Math.Exp(-0.7) / (1 - Math.Exp(-0.7));
        Assert.Equal(-Coefficient * Beta * odds, result.Gradients[0][0], 1e-5);
    }

    [Fact]
    public void NamesWhatAFormCannotTake()
    {
        void Call(PreferenceObjective objective) =>
            Ops.PreferenceLoss(From(0f), From(0f), default, default, default, default, default, default, default, objective);
        AssertInvalid("label_smoothing", () => Call(new() { LabelSmoothing = 1.5f }));
        AssertInvalid("label_smoothing", () => Call(new() { Form = PreferenceForm.Robust, LabelSmoothing = 0.5f }));
        AssertInvalid("label_smoothing", () => Call(new() { Form = PreferenceForm.Exo }));
        AssertInvalid("divergence", () => Call(new() { Form = PreferenceForm.ApoZero, Divergence = PreferenceDivergence.ForwardKl }));
        AssertInvalid("alpha", () => Call(new() { Divergence = PreferenceDivergence.Alpha, Alpha = 1 }));
        AssertInvalid("beta", () => Call(new() { Form = PreferenceForm.Ipo, Beta = 0 }));
        AssertInvalid("temperature", () => Call(new() { Form = PreferenceForm.Discopop, Temperature = 0 }));
    }

    [Fact]
    public void TheReferencesComeTogether()
    {
        AssertInvalid("ref_rejected", () => Ops.PreferenceLoss(From(0f), From(0f), From(0f), default, default, default, default, default,
            default, new()));
        AssertInvalid("ref_chosen", () => Ops.PreferenceLoss(From(0f), From(0f), default, From(0f), default, default, default, default,
            default, new()));
    }

    // Every formula in turn, each on a share of the elements.
    protected override float[] Compute()
    {
        List<float> all = [];
        foreach (PreferenceForm each in Enum.GetValues<PreferenceForm>())
        {
            form = each;
            divergence = IsOfRatios(each) ? PreferenceDivergence.ReverseKl : (PreferenceDivergence)((int)each % 4);
            all.AddRange(Run(Inputs(LargeCount / 2, seed: 1), Weights(LargeCount / 2)).Everything);
        }

        return [.. all];
    }

    // Log-probabilities of the odds are below 0; the exponentials of a divergence want moderate log-ratios.
    protected override float[][] Inputs(int count, int seed)
    {
        float[][] inputs = [.. Enumerable.Range(0, 4).Select(k =>
            Normal(count, seed + 100 * k, scale: divergence == PreferenceDivergence.ReverseKl ? 2 : 0.5f))];
        return form != PreferenceForm.OddsRatio ? inputs
            : [.. inputs.Select((v, k) => k < 2 ? [.. v.Select((x, i) => inputs[k + 2][i] - 0.05f - Math.Abs(x))] : v)];
    }

    protected override Point Reference(double[] x)
    {
        double chosen = x[0] - x[2], rejected = x[1] - x[3];
        (double loss, double dchosen, double drejected) = Pair(chosen, rejected);
        return new Point(Coefficient * loss, [Coefficient * dchosen, Coefficient * drejected],
            [Beta * (Score(chosen).Value - Score(0).Value), Beta * (Score(rejected).Value - Score(0).Value), chosen > rejected ? 1 : 0]);
    }

    protected override void Call(Tensor[] inputs, Tensor weights, Tensor losses, Tensor[] gradients, Tensor statistics) =>
        Ops.PreferenceLoss(inputs[0], inputs[1], inputs[2], inputs[3], weights, losses, gradients[0], gradients[1], statistics, new()
        {
            Form = form,
            Divergence = divergence,
            Beta = Beta,
            LabelSmoothing = Smoothing,
            Margin = Margin,
            Alpha = Alpha,
            Temperature = Temperature,
            Coefficient = Coefficient,
        });

    protected override InvariantOpTests WithThreads(int count) => new PreferenceLossTests(count);

    private static bool IsOfRatios(PreferenceForm form) =>
        form is PreferenceForm.ApoZero or PreferenceForm.ApoDown or PreferenceForm.OddsRatio;

    /// <summary>The formulas as the papers have them; slopes by the chain rule through the scores.</summary>
    private (double Loss, double Chosen, double Rejected) Pair(double chosen, double rejected)
    {
        double b = Beta, e = Smoothing, t = Temperature;
        (double sc, double kc) = Score(chosen);
        (double sr, double kr) = Score(rejected);
        double c = b * sc, r = b * sr, z = c - r - Margin;
        double m = Sigmoid(z / t), odds = LogOdds(chosen) - LogOdds(rejected);
        (double Loss, double Chosen, double Rejected) OfMargin(double loss, double slope) => (loss, b * slope * kc, -b * slope * kr);
        return form switch
        {
            PreferenceForm.Sigmoid => OfMargin(-(1 - e) * LogSigmoid(z) - e * LogSigmoid(-z), -(1 - e) * Sigmoid(-z) + e * Sigmoid(z)),
            PreferenceForm.Robust => OfMargin((-(1 - e) * LogSigmoid(z) + e * LogSigmoid(-z)) / (1 - 2 * e),
                (-(1 - e) * Sigmoid(-z) - e * Sigmoid(z)) / (1 - 2 * e)),
            PreferenceForm.Hinge => OfMargin(Math.Max(0, 1 - z), z < 1 ? -1 : 0),
            PreferenceForm.Ipo => OfMargin(Math.Pow((z - 0.5) / b, 2), 2 * (z - 0.5) / (b * b)),
            PreferenceForm.Exo => OfMargin(
                Sigmoid(z) * (LogSigmoid(z) - Math.Log(1 - e)) + Sigmoid(-z) * (LogSigmoid(-z) - Math.Log(e)),
                Sigmoid(z) * Sigmoid(-z) * (z - Math.Log((1 - e) / e))),
            PreferenceForm.Nca => (-LogSigmoid(c) - 0.5 * LogSigmoid(-c) - 0.5 * LogSigmoid(-r),
                b * kc * (-Sigmoid(-c) + 0.5 * Sigmoid(c)), b * kr * 0.5 * Sigmoid(r)),
            PreferenceForm.Bco => (-LogSigmoid(c - Margin) - LogSigmoid(Margin - r), -b * kc * Sigmoid(Margin - c),
                b * kr * Sigmoid(r - Margin)),
            PreferenceForm.ApoZero => (1 - Sigmoid(c) + Sigmoid(r), -b * Sigmoid(c) * Sigmoid(-c), b * Sigmoid(r) * Sigmoid(-r)),
            PreferenceForm.ApoDown => (Sigmoid(c) + 1 - Sigmoid(z), b * (Sigmoid(c) * Sigmoid(-c) - Sigmoid(z) * Sigmoid(-z)),
                b * Sigmoid(z) * Sigmoid(-z)),
            PreferenceForm.Sppo => (Math.Pow(sc - 0.5 / b, 2) + Math.Pow(sr + 0.5 / b, 2), 2 * kc * (sc - 0.5 / b), 2 * kr * (sr + 0.5 / b)),
            PreferenceForm.Discopop => OfMargin(-(1 - m) * LogSigmoid(z) + m * Math.Exp(-z),
                m * (1 - m) / t * (LogSigmoid(z) + Math.Exp(-z)) - (1 - m) * Sigmoid(-z) - m * Math.Exp(-z)),
            _ => (-b * LogSigmoid(odds), -b * Sigmoid(-odds) / (1 - Math.Exp(chosen)), b * Sigmoid(-odds) / (1 - Math.Exp(rejected))),
        };
    }

    private (double Value, double Slope) Score(double h) => divergence switch
    {
        PreferenceDivergence.ForwardKl => (-Math.Exp(-h), Math.Exp(-h)),
        PreferenceDivergence.JensenShannon => (LogSigmoid(h), Sigmoid(-h)),
        PreferenceDivergence.Alpha => (Math.Exp((Alpha - 1.0) * h) / (Alpha - 1.0), Math.Exp((Alpha - 1.0) * h)),
        _ => (h, 1),
    };

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double LogSigmoid(double x) => x > 0 ? -Math.Log(1 + Math.Exp(-x)) : x - Math.Log(1 + Math.Exp(x));

    private static double LogOdds(double x) => x - Math.Log(1 - Math.Exp(x));
}
