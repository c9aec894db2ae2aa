#include "cuda/statistics.h"
#include "op.h"

#include "grpo_loss.h"

using namespace gimbal;

gb_status gb_grpo_loss(gb_context* context, const float* logprobs, const float* old_logprobs, const float* ref_logprobs,
                       const float* advantages, const float* weights, float* losses, float* dlogprobs,
                       double* statistics, int64_t count, float clip_low, float clip_high, float delta, float beta) {
    return run(
        "grpo_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(clip_low >= 0 && clip_low <= 1, "clip_low", "0 to 1", clip_low);
            check.require(clip_high >= 0, "clip_high", "at least 0", clip_high);
            check.require(delta == delta, "delta", "a number, or 0 for none", delta);
            check.finite("beta", beta);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("old_logprobs", old_logprobs, count > 0);
            check.pointer("ref_logprobs", ref_logprobs, count > 0 && beta != 0);
            check.pointer("advantages", advantages, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kGrpoLossStatistics));
        },
        [](const auto& ops) { return ops.grpo_loss; }, logprobs, old_logprobs, ref_logprobs, advantages, weights,
        losses, dlogprobs, statistics, count, clip_low, clip_high, delta, beta);
}
