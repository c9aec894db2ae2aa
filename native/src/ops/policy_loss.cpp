#include "cuda/statistics.h"
#include "op.h"
#include "policy_objective.h"

#include "policy_loss.h"

using namespace gimbal;

gb_status gb_policy_loss(gb_context* context, const float* logprobs, const float* old_logprobs, const float* log_ratios,
                         const float* ref_logprobs, const float* advantages, const float* corrections,
                         const float* drifts, const float* weights, float* losses, float* dlogprobs, float* dlog_ratios,
                         double* statistics, int64_t count, const gb_policy_objective* objective) {
    return run(
        "policy_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            require_objective(check, objective);
            const gb_policy_objective& o = *objective;
            check.require(drifts == nullptr || o.off_policy_threshold >= 0, "objective.off_policy_threshold",
                          "at least 0", o.off_policy_threshold);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("old_logprobs", old_logprobs, count > 0 && log_ratios == nullptr);
            check.pointer("ref_logprobs", ref_logprobs, count > 0 && o.beta != 0);
            check.pointer("advantages", advantages, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kPolicyLossStatistics));
        },
        [](const auto& ops) { return ops.policy_loss; }, logprobs, old_logprobs, log_ratios, ref_logprobs, advantages,
        corrections, drifts, weights, losses, dlogprobs, dlog_ratios, statistics, count, objective);
}
