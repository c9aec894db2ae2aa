using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>PPO for control tasks: Gaussian or categorical policy, vectorised environments.</summary>
[OptionGroup("control")]
public sealed record ControlOptions : TrainerOptions
{
    /// <summary>Settings that learn Pendulum-v1; <see cref="ControlTasks.Options"/> has those of the other tasks.</summary>
    public ControlOptions()
    {
        MaxSteps = 0;
        Optimizer = new OptimizerOptions
        {
            LearningRate = 1e-3f,
            Epsilon = 1e-5f,
            MaxGradientNorm = 0.5f,
            Schedule = LearningRateSchedule.Constant,
        };
    }

    /// <summary>Task: Pendulum-v1, CartPole-v1, MountainCarContinuous-v0, MountainCar-v0, Acrobot-v1 or CartPoleContinuous-v1.</summary>
    [Description("Task: Pendulum-v1, CartPole-v1, MountainCarContinuous-v0, MountainCar-v0, Acrobot-v1 or CartPoleContinuous-v1.")]
    public string Environment { get; init; } = "Pendulum-v1";

    /// <summary>Lays the settings of a named dialect under those that a file or command line gives: cleanrl, sb3.</summary>
    [Description("Lays the settings of a named dialect under those that a file or command line gives: cleanrl, sb3.")]
    public string? Dialect { get; init; }

    /// <summary>Environments stepped side by side.</summary>
    [Description("Environments stepped side by side.")]
    public int Environments { get; init; } = 8;

    /// <summary>Threads that step the environments; worth it only where a step takes many microseconds.</summary>
    [Description("Threads that step the environments; worth it only where a step takes many microseconds.")]
    public int EnvironmentThreads { get; init; } = 1;

    /// <summary>Environment steps in all; the last rollout is finished. train.max_steps may end a run after fewer rollouts.</summary>
    [Description("Environment steps in all; the last rollout is finished. train.max_steps may end a run after fewer rollouts.")]
    public long TotalSteps { get; init; } = 200_000;

    /// <summary>Steps of each environment between updates.</summary>
    [Description("Steps of each environment between updates.")]
    public int StepsPerRollout { get; init; } = 512;

    /// <summary>Passes over each rollout.</summary>
    [Description("Passes over each rollout.")]
    public int Epochs { get; init; } = 10;

    /// <summary>Optimizer steps per pass.</summary>
    [Description("Optimizer steps per pass.")]
    public int Minibatches { get; init; } = 64;

    /// <summary>Discount.</summary>
    [Description("Discount.")]
    public float Gamma { get; init; } = 0.95f;

    /// <summary>Decay of generalised advantage estimation.</summary>
    [Description("Decay of generalised advantage estimation.")]
    public float Lambda { get; init; } = 0.95f;

    /// <summary>The policy's ratio is clipped to 1 - clip_range .. 1 + clip_range.</summary>
    [Description("The policy's ratio is clipped to 1 - clip_range .. 1 + clip_range.")]
    public float ClipRange { get; init; } = 0.2f;

    /// <summary>The value is clipped to its old value +- clip_range_value; 0: no clipping.</summary>
    [Description("The value is clipped to its old value +- clip_range_value; 0: no clipping.")]
    public float ClipRangeValue { get; init; } = 0f;

    /// <summary>With clip_range_value: the error of the clipped value alone counts, as in Stable-Baselines3, not the larger one.</summary>
    [Description("With clip_range_value: the error of the clipped value alone counts, as in Stable-Baselines3, not the larger one.")]
    public bool ClippedValueAlone { get; init; } = false;

    /// <summary>Weight of the value loss (value - return)^2 / 2.</summary>
    [Description("Weight of the value loss (value - return)^2 / 2.")]
    public float ValueCoefficient { get; init; } = 1f;

    /// <summary>Weight of the entropy bonus.</summary>
    [Description("Weight of the entropy bonus.")]
    public float EntropyCoefficient { get; init; } = 0f;

    /// <summary>Passes stop early once the KL to the old policy exceeds this; 0: never.</summary>
    [Description("Passes stop early once the KL to the old policy exceeds this; 0: never.")]
    public float TargetKl { get; init; } = 0f;

    /// <summary>With target_kl: stop before a minibatch whose KL exceeds 1.5 times it, as in Stable-Baselines3, not after a pass.</summary>
    [Description("With target_kl: stop before a minibatch whose KL exceeds 1.5 times it, as in Stable-Baselines3, not after a pass.")]
    public bool StopWithinPass { get; init; } = false;

    /// <summary>Observations are centred and scaled by their running moments, then clipped to +-10.</summary>
    [Description("Observations are centred and scaled by their running moments, then clipped to +-10.")]
    public bool NormalizeObservations { get; init; } = false;

    /// <summary>Rewards are divided by the running standard deviation of the discounted return, then clipped to +-10.</summary>
    [Description("Rewards are divided by the running standard deviation of the discounted return, then clipped to +-10.")]
    public bool NormalizeRewards { get; init; } = false;

    /// <summary>Advantages are centred and scaled within each minibatch.</summary>
    [Description("Advantages are centred and scaled within each minibatch.")]
    public bool NormalizeAdvantages { get; init; } = true;

    /// <summary>At a time limit the value of the last observation stands for what would have followed; false: nothing does.</summary>
    [Description("At a time limit the value of the last observation stands for what would have followed; false: nothing does.")]
    public bool BootstrapTruncated { get; init; } = true;

    /// <summary>Noise that is a random linear map of the last hidden layer (gSDE, Raffin et al. 2020); continuous actions alone.</summary>
    [Description("Noise that is a random linear map of the last hidden layer (gSDE, Raffin et al. 2020); continuous actions alone.")]
    public bool StateDependentNoise { get; init; } = false;

    /// <summary>With state_dependent_noise: steps after which the random map is drawn anew; 0: once a rollout.</summary>
    [Description("With state_dependent_noise: steps after which the random map is drawn anew; 0: once a rollout.")]
    public int NoiseSteps { get; init; } = 4;

    /// <summary>Continuous actions go through tanh to the bounds of the environment; otherwise they are clipped to them.</summary>
    [Description("Continuous actions go through tanh to the bounds of the environment; otherwise they are clipped to them.")]
    public bool SquashActions { get; init; } = false;

    /// <summary>Logarithm of the standard deviation of a new Gaussian policy.</summary>
    [Description("Logarithm of the standard deviation of a new Gaussian policy.")]
    public float InitialLogStd { get; init; } = 0f;

    /// <summary>The learning rate falls linearly to 0; otherwise optimizer.schedule holds.</summary>
    [Description("The learning rate falls linearly to 0; otherwise optimizer.schedule holds.")]
    public bool Anneal { get; init; } = true;

    /// <summary>Widths of the hidden layers of actor and critic, tanh between them.</summary>
    [Description("Widths of the hidden layers of actor and critic, tanh between them.")]
    public int[] HiddenSizes { get; init; } = [64, 64];

    /// <summary>Names that <see cref="Environment"/> may have; a library user passes a factory instead.</summary>
    public static IReadOnlyList<string> EnvironmentNames => ControlTasks.Names;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public override void Validate()
    {
        base.Validate();
        OptionCheck.OneOf("control.environment", Environment, EnvironmentNames);
        OptionCheck.AtLeast("control.environments", Environments, 1);
        OptionCheck.AtLeast("control.environment_threads", EnvironmentThreads, 1);
        OptionCheck.AtLeast("control.total_steps", TotalSteps, 1);
        OptionCheck.AtLeast("control.steps_per_rollout", StepsPerRollout, 1);
        OptionCheck.AtLeast("control.epochs", Epochs, 1);
        OptionCheck.Divides("control.minibatches", Minibatches, Environments * StepsPerRollout, "control.environments * control.steps_per_rollout");
        OptionCheck.Within("control.gamma", Gamma, 0f, 1f);
        OptionCheck.Within("control.lambda", Lambda, 0f, 1f);
        OptionCheck.Below("control.clip_range", ClipRange, 0f, 1f);
        OptionCheck.AtLeast("control.clip_range_value", ClipRangeValue, 0f);
        OptionCheck.AtLeast("control.value_coefficient", ValueCoefficient, 0f);
        OptionCheck.AtLeast("control.entropy_coefficient", EntropyCoefficient, 0f);
        OptionCheck.AtLeast("control.target_kl", TargetKl, 0f);
        OptionCheck.AtLeast("control.noise_steps", NoiseSteps, 0);
        OptionCheck.Within("control.initial_log_std", InitialLogStd, -10f, 10f);
        foreach (int width in HiddenSizes)
            OptionCheck.AtLeast("control.hidden_sizes", width, 1);
    }
}
