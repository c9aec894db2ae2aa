using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal control</c>: PPO on a control task.</summary>
internal sealed class ControlCommand : TrainingCommand<ControlOptions>
{
    private const string EnvironmentKey = "control.environment";

    public ControlCommand() : base("control", "Proximal policy optimisation on a control task.") =>
        AddShortcut("--env", EnvironmentKey, "The task");

    protected override string Unit => "environment steps";

    public override OptionLayers CreateLayers(bool isQuick) => Layers(new ControlOptions(), isQuick);

    /// <summary>Each task has settings of its own that learn it. The name is read alone: over the settings of another task the
    /// rest need not fit together.</summary>
    protected override OptionLayers? CreateLayers(OptionLayers asked, bool isQuick) =>
        Layers(ControlTasks.Options(asked.Keys.First(key => key.Name == EnvironmentKey).Text), isQuick);

    protected override ControlOptions In(ControlOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, ControlOptions options, Device device) => Build(options.Environment, job =>
    {
        ControlTrainer trainer = job.Own(new ControlTrainer(options, device, context.Output.Loggers));
        job.Train = trainer.TrainAsync;
        int episodes = context.Layers.Get<EvalOptions>().Episodes;
        job.Judge = () => new Judged(null, trainer.Policy.Evaluate(() => ControlTasks.Create(options.Environment), episodes, options.Seed + 1).Mean, null);
    });

    // Networks this small are slower on several threads.
    private static OptionLayers Layers(ControlOptions options, bool isQuick) => new OptionLayers().Add(new RunOptions { Threads = 1 })
        .Add(isQuick ? new EvalOptions { Episodes = 2 } : new EvalOptions())
        .Add(isQuick ? options with { TotalSteps = 512, Environments = 2, StepsPerRollout = 64, Epochs = 2, Minibatches = 4, LogEvery = 1 } : options);
}
