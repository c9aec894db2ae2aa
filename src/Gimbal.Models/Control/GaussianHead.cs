using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// A diagonal Gaussian: the actor's output is its mean, the logarithm of its standard deviation one free row that does not
/// depend on the observation. Actions are recorded as drawn; whoever steps the environment clips them.
/// </summary>
internal sealed class GaussianHead(ParameterStore store, int size, string name) : ActionHead
{
    private const uint ActionNoise = 0x0AC7;

    private readonly Parameter logStd = store.Add(name, [1, size], decays: false);
    private readonly float[] deviations = new float[size];

    public override int ActionSize => size;

    private Tensor LogStd => logStd.Value.Reshape(new Shape(size));

    public override void Initialize(float logStd) => LogStd.CopyFrom<float>([.. Enumerable.Repeat(logStd, size)]);

    public override Tensor Upload(Arena arena, ReadOnlySpan<float> actions)
    {
        Tensor tensor = arena.Allocate(DType.Float32, [actions.Length / size, size], "actions");
        tensor.CopyFrom(actions);
        return tensor;
    }

    public override void Sample(Arena arena, in ActorOutput output, in ActionDraw draw, Span<float> actions, Span<float> logprobs)
    {
        output.Last.CopyTo(actions);
        LogStd.CopyTo<float>(deviations);
        foreach (ref float deviation in deviations.AsSpan())
        {
            deviation = (float)Math.Exp(deviation);
        }

        for (int row = 0; row < output.Last.Rows; row++)
        {
            Span<float> action = actions.Slice(row * size, size);
            for (int i = 0; i < size; i++)
            {
                action[i] += deviations[i] * Noise(draw, row, i);
            }
        }

        Tensor logprob = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "gaussian_logprob");
        Ops.GaussianLogprob(output.Last, LogStd, Upload(arena, actions), logprob, default);
        logprob.CopyTo(logprobs);
    }

    public override void MostLikely(Arena arena, in ActorOutput output, Span<float> actions) => output.Last.CopyTo(actions);

    public override ActionLogprob Logprob(Arena arena, in ActorOutput output, in Tensor actions)
    {
        Tensor logprob = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "gaussian_logprob");
        Tensor entropy = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "gaussian_logprob");
        Ops.GaussianLogprob(output.Last, LogStd, actions, logprob, entropy);
        return new ActionLogprob(logprob, entropy, default);
    }

    public override void Backward(Tape tape, in ActorOutput output, in Tensor actions, in ActionLogprob forward, in Tensor dlogprob,
        in Tensor dentropy)
    {
        Tensor dmean = tape.Arena.Allocate(DType.Float32, output.Last.Shape, "gaussian_logprob");
        Ops.GaussianLogprobBackward(output.Last, LogStd, actions, dlogprob, dentropy, dmean, logStd.Gradient.Reshape(new Shape(size)));
        tape.SetGradient(output.Last, dmean);
    }

    /// <summary>A standard normal number (Box-Muller, in double) of its own for every seed, step, environment and element.</summary>
    private static float Noise(in ActionDraw draw, int row, int element)
    {
        (uint x, uint y, _, _) = Philox.Draw(ActionNoise, (uint)draw.Step, (uint)(draw.FirstEnvironment + row), (uint)element,
            (uint)draw.Seed, (uint)(draw.Seed >> 32));
        double radius = Math.Sqrt(-2 * Math.Log((x + 1.0) / 4294967296.0));
        return (float)(radius * Math.Cos(2 * Math.PI * (y / 4294967296.0)));
    }
}
