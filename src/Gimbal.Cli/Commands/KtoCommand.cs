using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal kto</c>: alignment from labelled completions.</summary>
internal sealed class KtoCommand : TrainingCommand<KtoOptions>
{
    public KtoCommand() : base("kto", "KTO or BCO on completions that are labelled desirable or not.") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick)
        .Add(isQuick ? new KtoOptions { MaxSteps = 6, BatchSize = 8, LogEvery = 2 } : new KtoOptions());

    protected override KtoOptions In(KtoOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, KtoOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        LabelledDataset train = TrainingInputs.Labelled(context.Layers, options.Seed);
        LanguageModel policy = job.Own(TrainingInputs.Model(context.Layers, device, options.Seed));
        LanguageModel? reference = TrainingInputs.Reference(context.Layers, device) is { } named ? job.Own(named) : null;
        KtoTrainer trainer = job.Own(new KtoTrainer(policy, train, options, context.Output.Loggers, reference));
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
