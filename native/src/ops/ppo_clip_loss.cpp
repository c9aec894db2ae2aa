#include "cuda/statistics.h"
#include "op.h"

#include "ppo_clip_loss.h"

using namespace gimbal;

gb_status gb_ppo_clip_loss(gb_context* context, const float* logprobs, const float* old_logprobs,
                           const float* advantages, const float* weights, float* losses, float* dlogprobs,
                           double* statistics, int64_t count, float clip_low, float clip_high, float dual_clip) {
    return run(
        "ppo_clip_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(clip_low >= 0 && clip_low <= 1, "clip_low", "0 to 1", clip_low);
            check.require(clip_high >= 0, "clip_high", "at least 0", clip_high);
            check.require(dual_clip <= 0 || dual_clip > 1, "dual_clip", "above 1, or 0 for none", dual_clip);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("old_logprobs", old_logprobs, count > 0);
            check.pointer("advantages", advantages, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kPpoClipLossStatistics));
        },
        [](const auto& ops) { return ops.ppo_clip_loss; }, logprobs, old_logprobs, advantages, weights, losses,
        dlogprobs, statistics, count, clip_low, clip_high, dual_clip);
}
