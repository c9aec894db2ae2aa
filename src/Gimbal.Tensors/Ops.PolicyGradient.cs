using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>Estimators of KL(policy || reference) from one sample, with the values of <c>GB_KL_*</c> (Schulman 2020).</summary>
public enum KlForm
{
    /// <summary>d = logprob - ref.</summary>
    K1 = 1,

    /// <summary>d^2 / 2.</summary>
    K2 = 2,

    /// <summary>exp(-d) - 1 + d.</summary>
    K3 = 3,
}

public static unsafe partial class Ops
{
    /// <summary>
    /// Generalised advantage estimation (Schulman et al. 2016): delta_t = r_t + gamma v_next - v_t,
    /// A_t = delta_t + gamma lambda A_{t+1}, returns = A + v. Flags are those produced by step t: terminated, v_next = 0;
    /// truncated, v_next = truncatedValues_t; both stop the recursion. A step of mask 0 is stepped over.
    /// </summary>
    /// <param name="rewards">(rows, steps).</param>
    /// <param name="values">(rows, steps).</param>
    /// <param name="lastValues">Value after the last step (rows), or empty: 0.</param>
    /// <param name="terminated">(rows, steps), or empty.</param>
    /// <param name="truncated">(rows, steps), or empty.</param>
    /// <param name="truncatedValues">(rows, steps), needed where a step is truncated.</param>
    /// <param name="mask">(rows, steps), or empty: all 1.</param>
    /// <param name="advantages">(rows, steps).</param>
    /// <param name="returns">(rows, steps).</param>
    /// <param name="gamma">Discount.</param>
    /// <param name="lambda">Decay.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void Gae(in Tensor rewards, in Tensor values, in Tensor lastValues, in Tensor terminated, in Tensor truncated,
        in Tensor truncatedValues, in Tensor mask, in Tensor advantages, in Tensor returns, float gamma, float lambda)
    {
        Want(rewards, DType.Float32, rewards.Shape);
        WantCount(values, DType.Float32, rewards.Count);
        WantOptional(lastValues, DType.Float32, rewards.Rows);
        WantOptional(terminated, DType.UInt8, rewards.Count);
        WantOptional(truncated, DType.UInt8, rewards.Count);
        WantOptional(truncatedValues, DType.Float32, rewards.Count);
        WantOptional(mask, DType.UInt8, rewards.Count);
        WantCount(advantages, DType.Float32, rewards.Count);
        WantCount(returns, DType.Float32, rewards.Count);
        NativeMethods.gb_gae(rewards.Device.Context, (float*)rewards.Pointer, (float*)values.Pointer, (float*)lastValues.Pointer,
            (byte*)terminated.Pointer, (byte*)truncated.Pointer, (float*)truncatedValues.Pointer, (byte*)mask.Pointer,
            (float*)advantages.Pointer, (float*)returns.Pointer, rewards.Rows, rewards.Width, gamma, lambda).Check();
    }

    /// <summary>y = (x - mean) / sqrt(var + epsilon), + mean if <paramref name="keepMean"/>, over elements of mask 1; 0 elsewhere.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="mask">As many elements, or empty: all 1.</param>
    /// <param name="y">As many elements; may be x.</param>
    /// <param name="moments">(2), written: mean and variance; or empty.</param>
    /// <param name="epsilon">Inside the root.</param>
    /// <param name="ddof">The variance divides by n - ddof.</param>
    /// <param name="keepMean">Scale only.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void Whiten(in Tensor x, in Tensor mask, in Tensor y, in Tensor moments, float epsilon = 1e-8f, int ddof = 1,
        bool keepMean = false)
    {
        WantCount(x, DType.Float32, x.Count);
        WantOptional(mask, DType.UInt8, x.Count);
        WantCount(y, DType.Float32, x.Count);
        WantOptional(moments, DType.Float64, 2);
        NativeMethods.gb_whiten(x.Device.Context, (float*)x.Pointer, (byte*)mask.Pointer, (float*)y.Pointer,
            (double*)moments.Pointer, x.Count, epsilon, ddof, keepMean ? 1 : 0).Check();
    }

    /// <summary>
    /// GRPO's baseline (Shao et al. 2024): A = (r - mean) / (std + epsilon) over each group, std with ddof 1, or A = r - mean.
    /// A group whose rewards are all equal gets exactly 0.
    /// </summary>
    /// <param name="rewards">(groups, group size).</param>
    /// <param name="mask">As many elements, or empty: all 1. Elements of mask 0 get 0 and do not count.</param>
    /// <param name="advantages">As many elements.</param>
    /// <param name="statistics">(3), added: groups, groups of equal rewards, sum of std; or empty.</param>
    /// <param name="epsilon">Added to the standard deviation.</param>
    /// <param name="scale">Divide by the standard deviation.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void GroupAdvantages(in Tensor rewards, in Tensor mask, in Tensor advantages, in Tensor statistics,
        float epsilon = 1e-4f, bool scale = true)
    {
        Want(rewards, DType.Float32, rewards.Shape);
        WantOptional(mask, DType.UInt8, rewards.Count);
        WantCount(advantages, DType.Float32, rewards.Count);
        WantOptional(statistics, DType.Float64, 3);
        NativeMethods.gb_group_advantages(rewards.Device.Context, (float*)rewards.Pointer, (byte*)mask.Pointer,
            (float*)advantages.Pointer, (double*)statistics.Pointer, rewards.Rows, rewards.Width, epsilon, scale ? 1 : 0).Check();
    }

    /// <summary>
    /// PPO's clipped objective (Schulman et al. 2017), ratio = exp(logprob - old):
    /// l = max(-A ratio, -A clip(ratio, 1 - clipLow, 1 + clipHigh)), and its gradient, in one pass.
    /// </summary>
    /// <param name="logprobs">(count).</param>
    /// <param name="oldLogprobs">(count).</param>
    /// <param name="advantages">(count).</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dlogprobs">(count), or empty.</param>
    /// <param name="statistics">
    /// (8), added: losses, weights, tokens, clipped low, clipped high, old - logprob, k3 of old, ratio; or empty.
    /// </param>
    /// <param name="clipLow">Lower clip.</param>
    /// <param name="clipHigh">Upper clip.</param>
    /// <param name="dualClip">Above 0: for A &lt; 0 the loss is at most -A dualClip (Ye et al. 2020).</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void PpoClipLoss(in Tensor logprobs, in Tensor oldLogprobs, in Tensor advantages, in Tensor weights,
        in Tensor losses, in Tensor dlogprobs, in Tensor statistics, float clipLow, float clipHigh, float dualClip = 0)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantCount(oldLogprobs, DType.Float32, count);
        WantCount(advantages, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 8);
        NativeMethods.gb_ppo_clip_loss(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)oldLogprobs.Pointer,
            (float*)advantages.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dlogprobs.Pointer,
            (double*)statistics.Pointer, count, clipLow, clipHigh, dualClip).Check();
    }

    /// <summary>
    /// Clipped value loss: l = 0.5 max((v - R)^2, (clip(v, old - clip, old + clip) - R)^2), and its gradient.
    /// </summary>
    /// <param name="values">(count).</param>
    /// <param name="oldValues">(count).</param>
    /// <param name="returns">R (count).</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dvalues">(count), or empty.</param>
    /// <param name="statistics">(4), added: losses, weights, elements, clipped elements; or empty.</param>
    /// <param name="clipRange">0 or less: 0.5 (v - R)^2.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void ValueClipLoss(in Tensor values, in Tensor oldValues, in Tensor returns, in Tensor weights,
        in Tensor losses, in Tensor dvalues, in Tensor statistics, float clipRange = 0)
    {
        long count = values.Count;
        WantCount(values, DType.Float32, count);
        WantCount(oldValues, DType.Float32, count);
        WantCount(returns, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dvalues, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 4);
        NativeMethods.gb_value_clip_loss(values.Device.Context, (float*)values.Pointer, (float*)oldValues.Pointer,
            (float*)returns.Pointer, (float*)weights.Pointer, (float*)losses.Pointer, (float*)dvalues.Pointer,
            (double*)statistics.Pointer, count, clipRange).Check();
    }

    /// <summary>
    /// GRPO's token loss (Shao et al. 2024): l = -min(min(ratio, delta) A, clip(ratio, 1 - clipLow, 1 + clipHigh) A) + beta k3,
    /// k3 = exp(ref - logprob) - 1 - (ref - logprob), and its gradient, in one pass.
    /// </summary>
    /// <param name="logprobs">(count).</param>
    /// <param name="oldLogprobs">(count).</param>
    /// <param name="refLogprobs">(count), or empty if <paramref name="beta"/> is 0.</param>
    /// <param name="advantages">(count).</param>
    /// <param name="weights">(count), or empty: 1.</param>
    /// <param name="losses">Weighted (count), or empty.</param>
    /// <param name="dlogprobs">(count), or empty.</param>
    /// <param name="statistics">(9), added: the eight of <see cref="PpoClipLoss"/>, k3 to the reference; or empty.</param>
    /// <param name="clipLow">Lower clip.</param>
    /// <param name="clipHigh">Upper clip.</param>
    /// <param name="delta">0 or less: no bound on the unclipped ratio.</param>
    /// <param name="beta">Weight of k3.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void GrpoLoss(in Tensor logprobs, in Tensor oldLogprobs, in Tensor refLogprobs, in Tensor advantages,
        in Tensor weights, in Tensor losses, in Tensor dlogprobs, in Tensor statistics, float clipLow, float clipHigh,
        float delta = 0, float beta = 0)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantCount(oldLogprobs, DType.Float32, count);
        WantOptional(refLogprobs, DType.Float32, count);
        WantCount(advantages, DType.Float32, count);
        WantOptional(weights, DType.Float32, count);
        WantOptional(losses, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        WantOptional(statistics, DType.Float64, 9);
        NativeMethods.gb_grpo_loss(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)oldLogprobs.Pointer,
            (float*)refLogprobs.Pointer, (float*)advantages.Pointer, (float*)weights.Pointer, (float*)losses.Pointer,
            (float*)dlogprobs.Pointer, (double*)statistics.Pointer, count, clipLow, clipHigh, delta, beta).Check();
    }

    /// <summary>Estimate of KL(policy || reference) per token, d = logprob - ref, and its derivative in the log-probability.</summary>
    /// <param name="logprobs">(count).</param>
    /// <param name="refLogprobs">(count).</param>
    /// <param name="kl">(count).</param>
    /// <param name="dlogprobs">(count), or empty.</param>
    /// <param name="form">k1 = d, k2 = d^2 / 2, k3 = exp(-d) - 1 + d.</param>
    /// <param name="clamp">Above 0: the estimate is clipped to -clamp..clamp.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void KlPenalty(in Tensor logprobs, in Tensor refLogprobs, in Tensor kl, in Tensor dlogprobs, KlForm form,
        float clamp = 0)
    {
        long count = logprobs.Count;
        WantCount(logprobs, DType.Float32, count);
        WantCount(refLogprobs, DType.Float32, count);
        WantCount(kl, DType.Float32, count);
        WantOptional(dlogprobs, DType.Float32, count);
        NativeMethods.gb_kl_penalty(logprobs.Device.Context, (float*)logprobs.Pointer, (float*)refLogprobs.Pointer,
            (float*)kl.Pointer, (float*)dlogprobs.Pointer, count, clamp, (int)form).Check();
    }

    /// <summary>Log-probability and entropy of a diagonal Gaussian policy.</summary>
    /// <param name="mean">(rows, dims).</param>
    /// <param name="logStd">(dims).</param>
    /// <param name="actions">(rows, dims).</param>
    /// <param name="logprob">(rows).</param>
    /// <param name="entropy">(rows), or empty.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void GaussianLogprob(in Tensor mean, in Tensor logStd, in Tensor actions, in Tensor logprob, in Tensor entropy)
    {
        Want(mean, DType.Float32, mean.Shape);
        WantCount(logStd, DType.Float32, mean.Width);
        WantCount(actions, DType.Float32, mean.Count);
        WantCount(logprob, DType.Float32, mean.Rows);
        WantOptional(entropy, DType.Float32, mean.Rows);
        NativeMethods.gb_gaussian_logprob(mean.Device.Context, (float*)mean.Pointer, (float*)logStd.Pointer,
            (float*)actions.Pointer, (float*)logprob.Pointer, (float*)entropy.Pointer, mean.Rows, mean.Width).Check();
    }

    /// <summary>Gradient of <see cref="GaussianLogprob"/>: dmean is written, dlogStd added to.</summary>
    /// <param name="mean">(rows, dims).</param>
    /// <param name="logStd">(dims).</param>
    /// <param name="actions">(rows, dims).</param>
    /// <param name="dlogprob">(rows).</param>
    /// <param name="dentropy">(rows), or empty.</param>
    /// <param name="dmean">(rows, dims).</param>
    /// <param name="dlogStd">(dims).</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void GaussianLogprobBackward(in Tensor mean, in Tensor logStd, in Tensor actions, in Tensor dlogprob,
        in Tensor dentropy, in Tensor dmean, in Tensor dlogStd)
    {
        Want(mean, DType.Float32, mean.Shape);
        WantCount(logStd, DType.Float32, mean.Width);
        WantCount(actions, DType.Float32, mean.Count);
        WantCount(dlogprob, DType.Float32, mean.Rows);
        WantOptional(dentropy, DType.Float32, mean.Rows);
        WantCount(dmean, DType.Float32, mean.Count);
        WantCount(dlogStd, DType.Float32, mean.Width);
        NativeMethods.gb_gaussian_logprob_backward(mean.Device.Context, (float*)mean.Pointer, (float*)logStd.Pointer,
            (float*)actions.Pointer, (float*)dlogprob.Pointer, (float*)dentropy.Pointer, (float*)dmean.Pointer,
            (float*)dlogStd.Pointer, mean.Rows, mean.Width).Check();
    }
}
