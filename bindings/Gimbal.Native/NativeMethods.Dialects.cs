using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>The ops behind the dialects of other systems.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library)]
    internal static partial int gb_softcap(ContextHandle context, void* x, void* y, long count, float scale, float cap,
        int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_softcap_backward(ContextHandle context, void* dy, void* y, void* dx, long count,
        float scale, float cap, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_z_loss(ContextHandle context, float* lse, float* losses, long rows, float coefficient);

    [LibraryImport(Library)]
    internal static partial int gb_z_loss_backward(ContextHandle context, void* logits, float* lse, float* dlosses,
        void* dlogits, long rows, long vocabulary, long logitsStride, float coefficient, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_full_kl(ContextHandle context, float* logits, float* reference, float* lse,
        float* referenceLse, float* kl, long rows, long vocabulary, long logitsStride, long referenceStride, float temperature);

    [LibraryImport(Library)]
    internal static partial int gb_full_kl_backward(ContextHandle context, float* logits, float* reference, float* lse,
        float* referenceLse, float* kl, float* dkl, float* dlogits, long rows, long vocabulary, long logitsStride,
        long referenceStride, float temperature);

    [LibraryImport(Library)]
    internal static partial int gb_repetition_penalty(ContextHandle context, void* x, int* ids, int* starts, void* y,
        long count, long rows, long vocabulary, long xStride, float penalty, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_clipped_value_loss(ContextHandle context, float* values, float* oldValues,
        float* returns, float* weights, float* losses, float* dvalues, double* statistics, long count, float clipRange);

    [LibraryImport(Library)]
    internal static partial int gb_sequence_ratio(ContextHandle context, float* logprobs, float* oldLogprobs,
        float* weights, int* starts, float* logRatios, long count, long segments, float clamp, int mean);

    [LibraryImport(Library)]
    internal static partial int gb_sequence_ratio_backward(ContextHandle context, float* dlogRatios, float* weights,
        int* starts, float* dlogprobs, long count, long segments, int mean, int accumulate);

    [LibraryImport(Library)]
    internal static partial int gb_policy_loss(ContextHandle context, float* logprobs, float* oldLogprobs,
        float* logRatios, float* refLogprobs, float* advantages, float* corrections, float* drifts, float* weights,
        float* losses, float* dlogprobs, float* dlogRatios, double* statistics, long count, in PolicyObjective objective);

    [LibraryImport(Library)]
    internal static partial int gb_policy_loss_with_logits(ContextHandle context, void* logits, int* targets,
        float* oldLogprobs, float* refLogprobs, float* advantages, float* corrections, float* weights, float* logprobs,
        float* entropies, float* losses, void* dlogits, double* statistics, long rows, long vocabulary, long logitsStride,
        float temperature, float entropyCoefficient, in PolicyObjective objective, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_preference_loss(ContextHandle context, float* chosen, float* rejected,
        float* refChosen, float* refRejected, float* weights, float* losses, float* dchosen, float* drejected,
        double* statistics, long pairs, in Preference preference);

    [LibraryImport(Library)]
    internal static partial int gb_unpaired_loss(ContextHandle context, float* logprobs, float* refLogprobs,
        byte* desirable, float* weights, float* losses, float* dlogprobs, double* statistics, long count, float beta,
        float shift, int form);

    [LibraryImport(Library)]
    internal static partial int gb_nll_loss(ContextHandle context, float* logprobs, float* weights, float* losses,
        float* dlogprobs, double* statistics, long count, float power);

    [LibraryImport(Library)]
    internal static partial int gb_sde_logprob(ContextHandle context, float* mean, float* features, float* logStd,
        float* actions, float* logprob, float* entropy, float* variance, long rows, long dims, long width, float epsilon);

    [LibraryImport(Library)]
    internal static partial int gb_sde_logprob_backward(ContextHandle context, float* mean, float* features,
        float* logStd, float* actions, float* variance, float* dlogprob, float* dentropy, float* dmean, float* dlogStd,
        long rows, long dims, long width);

    [LibraryImport(Library)]
    internal static partial int gb_tanh_squash(ContextHandle context, float* x, float* y, float* logprob, long rows,
        long dims, float epsilon);

    [LibraryImport(Library)]
    internal static partial int gb_relu_squared(ContextHandle context, void* x, void* y, long count, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_relu_squared_backward(ContextHandle context, void* dy, void* x, void* dx, long count,
        int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_multiply(ContextHandle context, float* a, float* b, float* y, long count);

    [LibraryImport(Library)]
    internal static partial int gb_grad_max(ContextHandle context, float* gradients, StepState* state, long count,
        float maxNorm);
}
