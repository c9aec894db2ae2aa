using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal dpo</c>: direct preference optimisation.</summary>
internal sealed class DpoCommand : TrainingCommand<DpoOptions>
{
    public DpoCommand() : base("dpo", "Direct preference optimisation on pairs of completions.") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick)
        .Add(isQuick ? new DpoOptions { MaxSteps = 6, BatchSize = 8, LogEvery = 2 } : new DpoOptions());

    protected override DpoOptions In(DpoOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, DpoOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        (PreferenceDataset train, PreferenceDataset _) = TrainingInputs.Pairs(context.Layers, options.Seed);
        LanguageModel policy = job.Own(TrainingInputs.Model(context.Layers, device, options.Seed));
        LanguageModel? reference = TrainingInputs.Reference(context.Layers, device) is { } named ? job.Own(named) : null;
        DpoTrainer trainer = job.Own(new DpoTrainer(policy, train, options, context.Output.Loggers, reference));
        (job.Train, job.Memory) = (trainer.TrainAsync, trainer.Memory);
        if (context.Layers.Get<DataOptions>().Task is not null)
        {
            (_, PromptDataset heldOut, IReward reward) = TrainingInputs.Prompts(context.Layers, device, options.Seed, job);
            LanguageModel start = job.Own(policy.Clone(trainable: false));
            PolicyJudge judge = job.Own(new PolicyJudge(start, heldOut, reward, TrainingInputs.JudgedTokens(context.Layers)));
            job.Judge = () => TrainingInputs.Judge(judge, policy, heldOut.Count);
        }
    });
}
