#include "op.h"

using namespace gimbal;

gb_status gb_kl_penalty(gb_context* context, const float* logprobs, const float* ref_logprobs, float* kl,
                        float* dlogprobs, int64_t count, float clamp, int32_t estimator) {
    return run(
        "kl_penalty", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(clamp == clamp, "clamp", "a number, or 0 for none", clamp);
            check.require(estimator >= GB_KL_K1 && estimator <= GB_KL_K3, "estimator", "1, 2 or 3", estimator);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("ref_logprobs", ref_logprobs, count > 0);
            check.pointer("kl", kl, count > 0);
        },
        [](const auto& ops) { return ops.kl_penalty; }, logprobs, ref_logprobs, kl, dlogprobs, count, clamp, estimator);
}
