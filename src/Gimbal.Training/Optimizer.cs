using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>AdamW over a parameter store, with global norm clipping and a schedule.</summary>
internal sealed class Optimizer : IDisposable
{
    private readonly ParameterStore store;
    private readonly OptimizerOptions options;
    private readonly long totalSteps;
    private readonly StepStateBuffer state;

    /// <param name="store">Trainable; its gradients must be 0 before the first backward pass.</param>
    /// <param name="options">Rates, decay, clipping.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run, for the schedule.</param>
    public Optimizer(ParameterStore store, OptimizerOptions options, long totalSteps)
    {
        if (!store.IsTrainable)
        {
            throw new ArgumentException("the model is frozen: load it with trainable: true", nameof(store));
        }

        (this.store, this.options, this.totalSteps) = (store, options, totalSteps);
        state = new StepStateBuffer(store.Device);
    }

    /// <summary>Optimizer steps taken.</summary>
    public long Steps { get; set; }

    /// <summary>Global gradient norm of the last step, before clipping.</summary>
    public float GradientNorm { get; private set; }

    /// <summary>Learning rate of the last step.</summary>
    public float LearningRate { get; private set; }

    /// <summary>Clips, steps, sets the gradients to 0.</summary>
    /// <exception cref="TrainingDivergedException">The gradient norm is not finite; the weights are as before.</exception>
    public void Step()
    {
        LearningRate = LearningRates.At(options, Steps, totalSteps);
        state.WriteOptimizer(Steps + 1, LearningRate, options.Beta1, options.Beta2);
        if (options.MaximumNorm)
        {
            Ops.GradMax(store.Gradients, state.Tensor, options.MaxGradientNorm);
        }
        else
        {
            Ops.GradNorm(store.Gradients, state.Tensor, options.MaxGradientNorm);
        }

        GradientNorm = state.ReadGradientNorm();
        if (!float.IsFinite(GradientNorm))
        {
            throw new TrainingDivergedException(Steps + 1, FirstNotFinite(),
                "The weights are as before this step. Lower optimizer.learning_rate, or look at the data of this step.");
        }

        Ops.Adamw(store.Weights, store.Gradients, store.FirstMoment, store.SecondMoment, store.Rounded, state.Tensor,
            store.DecayCount, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay);
        store.Touch();
        store.ClearGradients();
        Steps++;
    }

    public void Dispose() => state.Dispose();

    private string FirstNotFinite() =>
        store.Parameters.FirstOrDefault(parameter =>
            parameter.Gradient.ToArray<float>().Any(value => !float.IsFinite(value)))?.Name is { } name
            ? $"the gradient of {name}"
            : "the gradient norm";
}
