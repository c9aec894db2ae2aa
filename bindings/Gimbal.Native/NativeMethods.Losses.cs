using System.Runtime.InteropServices;

namespace Gimbal.Native;

internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library)]
    internal static partial int gb_logprob_gather(ContextHandle context, void* logits, int* targets, float* logprob,
        float* entropy, float* lse, long rows, long vocabulary, long logitsStride, float temperature, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_logprob_gather_backward(ContextHandle context, void* logits, int* targets, float* lse,
        float* entropy, float* dlogprob, float* dentropy, void* dlogits, long rows, long vocabulary, long logitsStride,
        float temperature, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_cross_entropy(ContextHandle context, void* logits, int* targets, float* losses,
        float* lse, long rows, long vocabulary, long logitsStride, float labelSmoothing, int ignoreIndex, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_cross_entropy_backward(ContextHandle context, void* logits, int* targets, float* lse,
        float* dlosses, void* dlogits, long rows, long vocabulary, long logitsStride, float labelSmoothing,
        int ignoreIndex, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_sample_token(ContextHandle context, void* logits, long* samples, int* positions,
        StepState* state, int* tokens, float* logprob, float* truncatedLogprob, long rows, long vocabulary,
        long logitsStride, in Sampling sampling, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_gae(ContextHandle context, float* rewards, float* values, float* lastValues,
        byte* terminated, byte* truncated, float* truncatedValues, byte* mask, float* advantages, float* returns,
        long rows, long steps, float gamma, float lambda);

    [LibraryImport(Library)]
    internal static partial int gb_whiten(ContextHandle context, float* x, byte* mask, float* y, double* moments,
        long count, float epsilon, int ddof, int keepMean);

    [LibraryImport(Library)]
    internal static partial int gb_group_advantages(ContextHandle context, float* rewards, byte* mask, float* advantages,
        double* statistics, long groups, long groupSize, float epsilon, int scaling);

    [LibraryImport(Library)]
    internal static partial int gb_ppo_clip_loss(ContextHandle context, float* logprobs, float* oldLogprobs,
        float* advantages, float* weights, float* losses, float* dlogprobs, double* statistics, long count, float clipLow,
        float clipHigh, float dualClip);

    [LibraryImport(Library)]
    internal static partial int gb_value_clip_loss(ContextHandle context, float* values, float* oldValues, float* returns,
        float* weights, float* losses, float* dvalues, double* statistics, long count, float clipRange);

    [LibraryImport(Library)]
    internal static partial int gb_grpo_loss(ContextHandle context, float* logprobs, float* oldLogprobs,
        float* refLogprobs, float* advantages, float* weights, float* losses, float* dlogprobs, double* statistics,
        long count, float clipLow, float clipHigh, float delta, float beta);

    [LibraryImport(Library)]
    internal static partial int gb_dpo_loss(ContextHandle context, float* chosen, float* rejected, float* refChosen,
        float* refRejected, float* weights, float* losses, float* dchosen, float* drejected, double* statistics,
        long pairs, float beta, float labelSmoothing);

    [LibraryImport(Library)]
    internal static partial int gb_reward_loss(ContextHandle context, float* chosen, float* rejected, float* margins,
        float* weights, float* losses, float* dchosen, float* drejected, double* statistics, long pairs, float center);

    [LibraryImport(Library)]
    internal static partial int gb_kl_penalty(ContextHandle context, float* logprobs, float* refLogprobs, float* kl,
        float* dlogprobs, long count, float clamp, int estimator);

    [LibraryImport(Library)]
    internal static partial int gb_gaussian_logprob(ContextHandle context, float* mean, float* logStd, float* actions,
        float* logprob, float* entropy, long rows, long dims);

    [LibraryImport(Library)]
    internal static partial int gb_gaussian_logprob_backward(ContextHandle context, float* mean, float* logStd,
        float* actions, float* dlogprob, float* dentropy, float* dmean, float* dlogStd, long rows, long dims);
}
