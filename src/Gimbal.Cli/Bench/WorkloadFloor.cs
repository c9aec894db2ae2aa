using Gimbal.Models;
using Gimbal.Training;

namespace Gimbal.Cli.Bench;

/// <summary>
/// The least that a workload asks of a machine: the operations of its products and of attention, the weights read once for
/// every token drawn.
/// </summary>
/// <param name="TrainingFlops">Of passes over whole sequences: a forward counts once, a backward twice.</param>
/// <param name="GenerationFlops">Of drawing tokens.</param>
/// <param name="GenerationBytes">Of drawing tokens; beside the operations, not after them.</param>
internal readonly record struct WorkloadFloor(double TrainingFlops, double GenerationFlops, double GenerationBytes)
{
    /// <summary>Of a named work.</summary>
    /// <param name="work">As in <see cref="WorkloadResult.Work"/>.</param>
    /// <param name="plan">Model and lengths.</param>
    /// <param name="batch">Sequences, pairs or completions.</param>
    public static WorkloadFloor Of(string work, WorkloadPlan plan, int batch)
    {
        const int Step = 3, StepAndReference = 4;
        ModelConfig model = WorkloadPlan.Shapes[plan.Model];
        double drawn = Forward(model, batch, plan.Prompt + plan.New, plan.New);
        double read = plan.New * Weights(model) * (plan.Dtype == ModelDtype.Bf16 ? 2 : 4);
        return work switch
        {
            "train" => new(Step * Forward(model, batch, plan.Length, plan.Length), 0, 0),
            "dpo" => new(StepAndReference * Forward(model, 2 * batch, plan.Length, plan.Length - plan.Length / 2), 0, 0),
            "grpo" or "ppo-shared" => new(StepAndReference * drawn, drawn, read),
            "ppo" => new(StepAndReference * (drawn + Forward(model, batch, plan.Prompt + plan.New, 0)), drawn, read),
            _ => new(0, drawn, read),
        };
    }

    /// <summary>Operations of a forward pass with so many rows of logits a sequence.</summary>
    private static double Forward(ModelConfig model, int sequences, int length, int rows)
    {
        double pairs = length * (length + 1.0) / 2;
        return sequences * (2.0 * length * model.Layers * BlockWeights(model) +
            4.0 * pairs * model.Layers * model.QueryHeads * model.HeadDim + 2.0 * rows * model.VocabularySize * model.HiddenSize);
    }

    private static double Weights(ModelConfig model) => model.Layers * BlockWeights(model) + (double)model.VocabularySize * model.HiddenSize;

    private static double BlockWeights(ModelConfig model) => (double)model.HiddenSize *
        (2 * (model.QueryHeads + model.KeyValueHeads) * model.HeadDim + (model.Family == ModelFamily.Llama ? 3 : 2) * model.IntermediateSize);
}
