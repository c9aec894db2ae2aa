using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal grpo</c>: group relative policy optimisation.</summary>
internal sealed class GrpoCommand : TrainingCommand<GrpoOptions>
{
    public GrpoCommand() : base("grpo", "Group relative policy optimisation with a reward of the completions.") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick).Add(new RewardFunctionOptions()).Add(isQuick
        ? new GrpoOptions { MaxSteps = 4, PromptsPerStep = 4, GroupSize = 4, LogEvery = 1, Sampling = new SamplingOptions { MaxNewTokens = 4 } }
        : new GrpoOptions());

    protected override GrpoOptions In(GrpoOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, GrpoOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        (PromptDataset train, PromptDataset heldOut, IReward reward) = TrainingInputs.Prompts(context.Layers, device, options.Seed, job);
        LanguageModel policy = job.Own(TrainingInputs.Model(context.Layers, device, options.Seed));
        LanguageModel start = job.Own(policy.Clone(trainable: false));
        LanguageModel? reference = TrainingInputs.Reference(context.Layers, device) is { } named ? job.Own(named) : options.Beta > 0 ? start : null;
        GrpoTrainer trainer = job.Own(new GrpoTrainer(policy, train, reward, options, context.Output.Loggers, reference));
        (job.Train, job.Memory) = (trainer.TrainAsync, trainer.Memory);
        PolicyJudge judge = job.Own(new PolicyJudge(start, heldOut, reward, options.Sampling.MaxNewTokens));
        job.Judge = () => TrainingInputs.Judge(judge, policy, heldOut.Count);
    });
}
