using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// A Gaussian whose actions reach the environment through tanh (Haarnoja et al. 2018). Actions are recorded before it; the density
/// is that after it, log p(tanh x) = log p(x) - sum log(1 - tanh(x)^2 + 1e-6).
/// </summary>
/// <remarks>The entropy has no closed form: -log p of the action stands for it, as in Stable-Baselines3.</remarks>
internal sealed class SquashedHead(ActionHead gaussian) : ActionHead
{
    public override int ActionSize => gaussian.ActionSize;

    public override void Initialize(float logStd) => gaussian.Initialize(logStd);

    public override Tensor Upload(Arena arena, ReadOnlySpan<float> actions) => gaussian.Upload(arena, actions);

    public override void Sample(Arena arena, in ActorOutput output, in ActionDraw draw, Span<float> actions, Span<float> logprobs)
    {
        gaussian.Sample(arena, output, draw, actions, logprobs);
        Logprob(arena, output, Upload(arena, actions)).Logprob.CopyTo(logprobs);
    }

    public override void MostLikely(Arena arena, in ActorOutput output, Span<float> actions) => gaussian.MostLikely(arena, output, actions);

    public override ActionLogprob Logprob(Arena arena, in ActorOutput output, in Tensor actions)
    {
        ActionLogprob before = gaussian.Logprob(arena, output, actions);
        Ops.TanhSquash(actions, default, before.Logprob);
        before.Entropy.CopyFrom(before.Logprob);
        Ops.Scale(before.Entropy, -1);
        return before;
    }

    public override void Backward(Tape tape, in ActorOutput output, in Tensor actions, in ActionLogprob forward, in Tensor dlogprob,
        in Tensor dentropy)
    {
        if (dentropy.IsEmpty)
        {
            gaussian.Backward(tape, output, actions, forward, dlogprob, default);
            return;
        }

        Tensor total = tape.Arena.Allocate(DType.Float32, dlogprob.Shape, "tanh_squash");
        total.CopyFrom(dentropy);
        Ops.Scale(total, -1);
        Ops.Add(dlogprob, total, total);
        gaussian.Backward(tape, output, actions, forward, total, default);
    }
}
