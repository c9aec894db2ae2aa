using System.Diagnostics;
using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Cli.Compare;

/// <summary>Measures a policy a few times along its training, on the thread that trains it, between two steps.</summary>
/// <param name="stage">The method.</param>
/// <param name="stages">Keeps the points.</param>
/// <param name="judge">Measures.</param>
/// <param name="policy">The policy in training.</param>
/// <param name="options">How often, and on how many prompts.</param>
/// <param name="next">The display.</param>
internal sealed class CurveRecorder(string stage, StageStore stages, PolicyJudge judge, LanguageModel policy, CompareOptions options,
    IProgress<TrainingProgress> next) : IProgress<TrainingProgress>
{
    private readonly List<CurvePoint> points = stages.LoadCurve(stage);

    /// <summary>The curve so far.</summary>
    public IReadOnlyList<CurvePoint> Points => points;

    /// <summary>Seconds that measuring took: not the method's.</summary>
    public double Seconds { get; private set; }

    /// <summary>The start of the curve, where it has none yet.</summary>
    public void Begin()
    {
        if (points.Count == 0)
            points.Add(Measure(share: 0));
    }

    public void Report(TrainingProgress value)
    {
        int intervals = options.CurvePoints - 1;
        if ((long)value.Step * intervals / value.MaxSteps > (long)(value.Step - 1) * intervals / value.MaxSteps)
        {
            long began = Stopwatch.GetTimestamp();
            double share = (double)value.Step / value.MaxSteps;
            points.RemoveAll(point => point.Share >= share);
            points.Add(Measure(share));
            stages.SaveCurve(stage, points);
            Seconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        next.Report(value);
    }

    /// <summary>Every point draws with the same numbers, so that curves differ by the policy alone.</summary>
    private CurvePoint Measure(double share)
    {
        Judgement measured = judge.Sample(policy, options.CurvePrompts, perPrompt: 1, draw: 0);
        return new CurvePoint(share, measured.Reward, measured.Kl, measured.Entropy, measured.Length);
    }
}
