using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Gimbal.Training;

/// <summary>What every trainer takes.</summary>
[OptionGroup("train")]
public abstract record TrainerOptions : IOptions
{
    /// <summary>Optimizer steps to take, or rollouts where a rollout is updated on more than once.</summary>
    [Description("Optimizer steps to take, or rollouts where a rollout is updated on more than once.")]
    public int MaxSteps { get; init; } = 100;

    /// <summary>Run folder; without one a library run writes no files, and the command makes one under runs/.</summary>
    [OptionGroup("")]
    [Description("Run folder; without one a library run writes no files, and the command makes one under runs/.")]
    public string? Output { get; init; }

    /// <summary>Seed of every random draw.</summary>
    [OptionGroup("")]
    [Description("Seed of every random draw.")]
    public ulong Seed { get; init; } = 0;

    /// <summary>Steps between checkpoints; 0: only when the run is stopped or ends.</summary>
    [Description("Steps between checkpoints; 0: only when the run is stopped or ends.")]
    public int CheckpointEvery { get; init; } = 0;

    /// <summary>Newest checkpoints to keep; 0: all.</summary>
    [Description("Newest checkpoints to keep; 0: all.")]
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Steps between lines of progress; metrics.jsonl has every step.</summary>
    [Description("Steps between lines of progress; metrics.jsonl has every step.")]
    public int LogEvery { get; init; } = 10;

    /// <summary>Steps between the completions written to samples.jsonl; 0: none.</summary>
    [Description("Steps between the completions written to samples.jsonl; 0: none.")]
    public int SampleEvery { get; init; } = 10;

    /// <summary>Write every token of every step into records/ of the run folder: log-probabilities, advantage, ratio, clip (grpo, ppo).</summary>
    [Description("Write every token of every step into records/ of the run folder: log-probabilities, advantage, ratio, clip (grpo, ppo).")]
    public bool Record { get; init; } = false;

    /// <summary>Forward every rollout again before it is trained on and stop if a bit of a log-probability differs from the sampler's (grpo, ppo).</summary>
    [Description("Forward every rollout again before it is trained on and stop if a bit of a log-probability differs from the sampler's (grpo, ppo).")]
    public bool VerifyRollouts { get; init; } = false;

    /// <summary>Sequences forwarded at a time; 0: as many as one step has. Bounds memory, leaves the gradient alone.</summary>
    [Description("Sequences forwarded at a time; 0: as many as one step has. Bounds memory, leaves the gradient alone.")]
    public int MicroBatch { get; init; } = 0;

    /// <summary>AdamW, clipping and schedule.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>Thresholds that the run is warned of.</summary>
    public WatchOptions Watch { get; init; } = new();

    /// <summary>Continue the run in <see cref="Output"/> from its last checkpoint, bit for bit.</summary>
    [JsonIgnore]
    public bool Resume { get; init; }

    /// <summary>An open run folder to write into; it goes before <see cref="Output"/>, and stays its owner's to dispose.</summary>
    [JsonIgnore]
    public RunFolder? Run { get; init; }

    /// <summary>Text of <c>run.yaml</c> in the folder that <see cref="Output"/> names; null: these options alone.</summary>
    [JsonIgnore]
    public string? Configuration { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public virtual void Validate()
    {
        OptionCheck.AtLeast("train.max_steps", MaxSteps, this is ControlOptions ? 0 : 1);
        OptionCheck.AtLeast("train.checkpoint_every", CheckpointEvery, 0);
        OptionCheck.AtLeast("train.keep_checkpoints", KeepCheckpoints, 0);
        OptionCheck.AtLeast("train.log_every", LogEvery, 1);
        OptionCheck.AtLeast("train.sample_every", SampleEvery, 0);
        OptionCheck.AtLeast("train.micro_batch", MicroBatch, 0);
        Optimizer.Validate();
        Watch.Validate();
    }
}
