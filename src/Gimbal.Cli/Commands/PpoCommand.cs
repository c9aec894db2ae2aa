using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary><c>gimbal ppo</c>: proximal policy optimisation from a reward, as a rule a reward model's.</summary>
internal sealed class PpoCommand : TrainingCommand<PpoOptions>
{
    public PpoCommand() : base("ppo", "Proximal policy optimisation with a value model and a reward of the completions.") => AddModelAndTask();

    public override OptionLayers CreateLayers(bool isQuick) => Inputs(isQuick).Add(new RewardFunctionOptions()).Add(isQuick
        ? new PpoOptions { MaxSteps = 3, Rollouts = 8, Epochs = 2, LogEvery = 1, Sampling = new SamplingOptions { MaxNewTokens = 4 } }
        : new PpoOptions());

    protected override PpoOptions In(PpoOptions options, string folder, bool isResumed, string configuration) =>
        options with { Output = folder, Resume = isResumed, Configuration = configuration };

    protected override TrainingJob Prepare(CommandContext context, PpoOptions options, Device device) => Build(TrainingInputs.TaskName(context.Layers), job =>
    {
        (PromptDataset train, PromptDataset heldOut, IReward reward) = TrainingInputs.Prompts(context.Layers, device, options.Seed, job);
        LanguageModel policy = job.Own(Policy(TrainingInputs.Model(context.Layers, device, options.Seed), options.SharedTrunk));
        LanguageModel start = job.Own(policy.Clone(trainable: false));
        LanguageModel reference = TrainingInputs.Reference(context.Layers, device) is { } named ? job.Own(named) : start;
        ScoreModel? value = options.SharedTrunk ? null : job.Own(context.Layers.Get<RewardFunctionOptions>().Model is { } folder
            ? ScoreModel.Load(folder, device, dtype: policy.DType) : ScoreModel.From(policy));
        PpoTrainer trainer = job.Own(new PpoTrainer(policy, value, train, reward, options, context.Output.Loggers, reference));
        (job.Train, job.Memory) = (trainer.TrainAsync, trainer.Memory);
        PolicyJudge judge = job.Own(new PolicyJudge(start, heldOut, reward, options.Sampling.MaxNewTokens));
        job.Judge = () => TrainingInputs.Judge(judge, policy, heldOut.Count);
    });

    private static LanguageModel Policy(LanguageModel model, bool hasValues)
    {
        if (!hasValues)
            return model;
        using (model)
            return model.WithValueHead();
    }
}
