using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>A choice among several: the actor's output is the logits. An action is the index of the choice.</summary>
internal sealed class CategoricalHead(int choices) : ActionHead
{
    private const uint ActionChoice = 0x0CA7;

    private float[] logits = [];
    private int[] indices = [];

    public override int ActionSize => 1;

    public override Tensor Upload(Arena arena, ReadOnlySpan<float> actions)
    {
        indices = indices.Length < actions.Length ? new int[actions.Length] : indices;
        for (int row = 0; row < actions.Length; row++)
        {
            indices[row] = (int)actions[row];
        }

        Tensor tensor = arena.Allocate(DType.Int32, new Shape(actions.Length), "actions");
        tensor.CopyFrom<int>(indices.AsSpan(0, actions.Length));
        return tensor;
    }

    public override void Sample(Arena arena, in ActorOutput output, in ActionDraw draw, Span<float> actions, Span<float> logprobs)
    {
        ReadOnlySpan<float> rows = Download(output.Last);
        for (int row = 0; row < actions.Length; row++)
        {
            (uint word, _, _, _) = Philox.Draw(ActionChoice, (uint)draw.Step, (uint)(draw.FirstEnvironment + row), 0, (uint)draw.Seed,
                (uint)(draw.Seed >> 32));
            actions[row] = Choose(rows.Slice(row * choices, choices), (word + 0.5) / 4294967296.0);
        }

        Tensor logprob = arena.Allocate(DType.Float32, new Shape(output.Last.Rows), "logprob_gather");
        Ops.LogprobGather(output.Last, Upload(arena, actions), logprob, default, default);
        logprob.CopyTo(logprobs);
    }

    public override void MostLikely(Arena arena, in ActorOutput output, Span<float> actions)
    {
        ReadOnlySpan<float> rows = Download(output.Last);
        for (int row = 0; row < actions.Length; row++)
        {
            actions[row] = IndexOfLargest(rows.Slice(row * choices, choices));
        }
    }

    public override ActionLogprob Logprob(Arena arena, in ActorOutput output, in Tensor actions)
    {
        Shape rows = new(output.Last.Rows);
        Tensor logprob = arena.Allocate(DType.Float32, rows, "logprob_gather");
        Tensor entropy = arena.Allocate(DType.Float32, rows, "logprob_gather");
        Tensor logSumExp = arena.Allocate(DType.Float32, rows, "logprob_gather");
        Ops.LogprobGather(output.Last, actions, logprob, entropy, logSumExp);
        return new ActionLogprob(logprob, entropy, logSumExp);
    }

    public override void Backward(Tape tape, in ActorOutput output, in Tensor actions, in ActionLogprob forward, in Tensor dlogprob,
        in Tensor dentropy)
    {
        Tensor dlogits = tape.Arena.Allocate(DType.Float32, output.Last.Shape, "logprob_gather");
        Ops.LogprobGatherBackward(output.Last, actions, forward.Kept, dentropy.IsEmpty ? default : forward.Entropy, dlogprob, dentropy,
            dlogits);
        tape.SetGradient(output.Last, dlogits);
    }

    /// <summary>The choice in whose share of the total of exp(logit) the number falls, in double.</summary>
    private static int Choose(ReadOnlySpan<float> logits, double uniform)
    {
        int best = IndexOfLargest(logits);
        double total = 0;
        foreach (float logit in logits)
        {
            total += Math.Exp(logit - logits[best]);
        }

        double left = uniform * total;
        for (int i = 0; i < logits.Length; i++)
        {
            left -= Math.Exp(logits[i] - logits[best]);
            if (left < 0)
            {
                return i;
            }
        }

        return best;
    }

    /// <summary>The first of the largest.</summary>
    private static int IndexOfLargest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        return best;
    }

    private ReadOnlySpan<float> Download(in Tensor output)
    {
        int count = (int)output.Count;
        logits = logits.Length < count ? new float[count] : logits;
        output.CopyTo(logits.AsSpan(0, count));
        return logits.AsSpan(0, count);
    }
}
