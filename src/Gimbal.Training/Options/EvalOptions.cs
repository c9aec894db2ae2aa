using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>How a run is judged.</summary>
[OptionGroup("eval")]
public sealed record EvalOptions : IOptions
{
    /// <summary>JSONL file that is held out; without one a share of the training data is.</summary>
    [Description("JSONL file that is held out; without one a share of the training data is.")]
    public string? Data { get; init; }

    /// <summary>Share of the training data held out where there is no file.</summary>
    [Description("Share of the training data held out where there is no file.")]
    public float Holdout { get; init; } = 0.05f;

    /// <summary>Held-out problems to judge on, at most.</summary>
    [Description("Held-out problems to judge on, at most.")]
    public int Problems { get; init; } = 1000;

    /// <summary>Episodes to judge a control policy on.</summary>
    [Description("Episodes to judge a control policy on.")]
    public int Episodes { get; init; } = 20;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.File("eval.data", Data);
        OptionCheck.Below("eval.holdout", Holdout, 0f, 1f);
        OptionCheck.AtLeast("eval.problems", Problems, 1);
        OptionCheck.AtLeast("eval.episodes", Episodes, 1);
    }
}
