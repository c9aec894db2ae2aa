using Gimbal.Cli.Compare;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal reward</c>: a reward model from preference pairs.</summary>
internal sealed class RewardCommand : TrainingCommand<RewardOptions>
{
    public RewardCommand() : base("reward", "Trains a reward model on preference pairs (Bradley-Terry).") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick)
        .Add(isQuick ? new RewardOptions { MaxSteps = 10, BatchSize = 8, LogEvery = 2 } : new RewardOptions());

    protected override RewardOptions In(RewardOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, RewardOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        (PreferenceDataset train, PreferenceDataset heldOut) = TrainingInputs.Pairs(context.Layers, options.Seed);
        LanguageModel body = job.Own(TrainingInputs.Model(context.Layers, device, options.Seed));
        ScoreModel model = job.Own(ScoreModel.From(body));
        RewardTrainer trainer = job.Own(new RewardTrainer(model, train, options, context.Output.Loggers));
        (job.Train, job.Memory) = (trainer.TrainAsync, trainer.Memory);
        job.Judge = () =>
        {
            (int right, int count) = trainer.Evaluate(heldOut);
            return new Judged(new Proportion(right, count), null, null);
        };
    });
}
