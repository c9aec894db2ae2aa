using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>
/// The values that change from step to step, in device memory (<c>gb_step_state</c>), where ops and captured graphs read
/// them: seed, step, learning rate, bias corrections, clip coefficient, gradient norm.
/// </summary>
public sealed unsafe class StepStateBuffer : IDisposable
{
    private readonly Device device;
    private nint memory;
    private readonly byte[] host = new byte[sizeof(StepState)];

    /// <summary>A state of zeros.</summary>
    public StepStateBuffer(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        this.device = device;
        memory = device.Allocate(sizeof(StepState));
        Tensor = Tensor.Borrow(device, memory, DType.UInt8, new Shape(sizeof(StepState)));
    }

    /// <summary>The bytes, for ops that take the state.</summary>
    public Tensor Tensor { get; }

    /// <summary>Writes what keys the draws of a rollout.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Training step.</param>
    public void WriteDraw(ulong seed, ulong step) => Write(new StepState { Seed = seed, Step = step });

    /// <summary>Writes what an optimizer step needs.</summary>
    /// <param name="step">Number of the optimizer step, from 1.</param>
    /// <param name="learningRate">Learning rate of the step.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    public void WriteOptimizer(long step, float learningRate, float beta1, float beta2) => Write(new StepState
    {
        Step = (ulong)step,
        LearningRate = learningRate,
        BiasCorrection1 = (float)(1 - Math.Pow(beta1, step)),
        BiasCorrection2 = (float)(1 - Math.Pow(beta2, step)),
        ClipCoefficient = 1,
    });

    /// <summary>The gradient norm that <c>grad_norm</c> left, before clipping.</summary>
    public float ReadGradientNorm()
    {
        Tensor.CopyTo<byte>(host);
        fixed (byte* p = host)
        {
            return ((StepState*)p)->GradientNorm;
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (memory != 0)
        {
            device.Free(memory);
            memory = 0;
        }
    }

    private void Write(in StepState state)
    {
        fixed (byte* p = host)
        {
            *(StepState*)p = state;
        }

        Tensor.CopyFrom<byte>(host);
    }
}
