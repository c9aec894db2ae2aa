#include "cuda/statistics.h"
#include "op.h"

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
            check.pointer("objective", objective);
            const gb_policy_objective& o = *objective;
            check.require(o.struct_size == static_cast<int32_t>(sizeof o), "objective.struct_size",
                          "the size of gb_policy_objective", o.struct_size);
            check.require(o.surrogate >= GB_SURROGATE_CLIP && o.surrogate <= GB_SURROGATE_VESPO, "objective.surrogate",
                          "a GB_SURROGATE_*", o.surrogate);
            check.require(o.kl_estimator >= GB_KL_K1 && o.kl_estimator <= GB_KL_K3, "objective.kl_estimator",
                          "1, 2 or 3", o.kl_estimator);
            check.flag("objective.correct_kl", o.correct_kl);
            check.require(o.clip_low >= 0 && o.clip_low <= 1, "objective.clip_low", "0 to 1", o.clip_low);
            check.require(o.clip_high >= 0, "objective.clip_high", "at least 0", o.clip_high);
            check.require(o.delta == o.delta, "objective.delta", "a number, or 0 for none", o.delta);
            check.require(o.dual_clip == o.dual_clip, "objective.dual_clip", "a number, or 0 for none", o.dual_clip);
            check.finite("objective.beta", o.beta);
            const bool has_sides = o.surrogate == GB_SURROGATE_SAPO || o.surrogate == GB_SURROGATE_VESPO;
            check.require(!has_sides || o.positive > 0, "objective.positive", "above 0", o.positive);
            check.require(!has_sides || o.negative > 0, "objective.negative", "above 0", o.negative);
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
