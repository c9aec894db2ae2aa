using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// A Gaussian of generalised state-dependent exploration (Raffin et al. 2020), as Stable-Baselines3 has it: the noise of an action
/// is M f, f the actor's last hidden layer and M a matrix (action size, width) of independent normal numbers with a learned
/// deviation each. One M serves an environment until the number of the draw changes, so that the noise is smooth in the state.
/// No gradient flows from the variance into the features.
/// </summary>
internal sealed class SdeHead(ParameterStore store, int size, int width, string name) : ActionHead
{
    private const uint ExplorationMatrix = 0x05DE;

    private readonly Parameter logStd = store.Add(name, [size, width], decays: false);
    private readonly float[] deviations = new float[size * width];
    private float[] features = [];
    private float[] normals = []; // (environments, action size, width), of the seed and step below
    private (ulong Seed, ulong Step, int Environments) held;

    public override int ActionSize => size;

    public override void Initialize(float logStd) => this.logStd.Value.CopyFrom<float>([.. Enumerable.Repeat(logStd, size * width)]);

    public override Tensor Upload(Arena arena, ReadOnlySpan<float> actions)
    {
        Tensor tensor = arena.Allocate(DType.Float32, [actions.Length / size, size], "actions");
        tensor.CopyFrom(actions);
        return tensor;
    }

    public override void Sample(Arena arena, in ActorOutput output, in ActionDraw draw, Span<float> actions, Span<float> logprobs)
    {
        int rows = (int)output.Last.Rows;
        Hold(draw, draw.FirstEnvironment + rows);
        features = features.Length < rows * width ? new float[rows * width] : features;
        output.Features.CopyTo(features.AsSpan(0, rows * width));
        logStd.Value.CopyTo<float>(deviations);
        foreach (ref float deviation in deviations.AsSpan())
        {
            deviation = (float)Math.Exp(deviation);
        }

        output.Last.CopyTo(actions);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> f = features.AsSpan(row * width, width);
            ReadOnlySpan<float> matrix = normals.AsSpan((draw.FirstEnvironment + row) * size * width, size * width);
            for (int i = 0; i < size; i++)
            {
                double noise = 0;
                for (int k = 0; k < width; k++)
                {
                    noise += (double)f[k] * deviations[i * width + k] * matrix[i * width + k];
                }

                actions[row * size + i] += (float)noise;
            }
        }

        Logprob(arena, output, Upload(arena, actions)).Logprob.CopyTo(logprobs);
    }

    public override void MostLikely(Arena arena, in ActorOutput output, Span<float> actions) => output.Last.CopyTo(actions);

    public override ActionLogprob Logprob(Arena arena, in ActorOutput output, in Tensor actions)
    {
        Tensor logprob = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "sde_logprob");
        Tensor entropy = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "sde_logprob");
        Tensor variance = arena.Allocate(DType.Float32, output.Last.Shape, "sde_logprob");
        Ops.SdeLogprob(output.Last, output.Features, logStd.Value, actions, logprob, entropy, variance);
        return new ActionLogprob(logprob, entropy, variance);
    }

    public override void Backward(Tape tape, in ActorOutput output, in Tensor actions, in ActionLogprob forward, in Tensor dlogprob,
        in Tensor dentropy)
    {
        Tensor dmean = tape.Arena.Allocate(DType.Float32, output.Last.Shape, "sde_logprob");
        Ops.SdeLogprobBackward(output.Last, output.Features, logStd.Value, actions, forward.Kept, dlogprob, dentropy, dmean,
            logStd.Gradient);
        tape.SetGradient(output.Last, dmean);
    }

    /// <summary>Has the matrices of the first environments at hand, before their deviations.</summary>
    private void Hold(in ActionDraw draw, int environments)
    {
        int known = (held.Seed, held.Step) == (draw.Seed, draw.Step) ? held.Environments : 0;
        if (known >= environments)
        {
            return;
        }

        int count = size * width;
        if (normals.Length < environments * count)
        {
            Array.Resize(ref normals, environments * count);
        }

        for (int environment = known; environment < environments; environment++)
        {
            ulong first = (draw.Step << 20 | (uint)environment) * (ulong)(count + count % 2);
            Philox.Normal(normals.AsSpan(environment * count, count), 1, draw.Seed, ExplorationMatrix, first);
        }

        held = (draw.Seed, draw.Step, environments);
    }
}
