using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal sft</c>: supervised fine-tuning.</summary>
internal sealed class SftCommand : TrainingCommand<SftOptions>
{
    public SftCommand() : base("sft", "Supervised fine-tuning on prompts and completions.") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick)
        .Add(isQuick ? new SftOptions { MaxSteps = 10, BatchSize = 8, LogEvery = 2 } : new SftOptions());

    protected override SftOptions In(SftOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, SftOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        CompletionDataset data = TrainingInputs.Completions(context.Layers, options.Seed, options.BatchSize * options.MaxSteps);
        LanguageModel model = job.Own(TrainingInputs.Model(context.Layers, device, options.Seed));
        SftTrainer trainer = job.Own(new SftTrainer(model, data, options, context.Output.Loggers));
        (job.Train, job.Memory) = (trainer.TrainAsync, trainer.Memory);
        if (context.Layers.Get<DataOptions>().Task == "sums")
        {
            (_, PromptDataset heldOut, IReward reward) = TrainingInputs.Prompts(context.Layers, device, options.Seed, job);
            LanguageModel start = job.Own(model.Clone(trainable: false));
            PolicyJudge judge = job.Own(new PolicyJudge(start, heldOut, reward, SumsTask.MaxCompletionTokens));
            job.Judge = () => TrainingInputs.Judge(judge, model, heldOut.Count);
        }
    });
}
