#include "cuda/statistics.h"
#include "op.h"
#include "policy_objective.h"

#include "policy_loss.h"

using namespace gimbal;

gb_status gb_policy_loss_with_logits(gb_context* context, const void* logits, const int32_t* targets,
                                     const float* old_logprobs, const float* ref_logprobs, const float* advantages,
                                     const float* corrections, const float* weights, float* logprobs, float* entropies,
                                     float* losses, void* dlogits, double* statistics, int64_t rows, int64_t vocabulary,
                                     int64_t logits_stride, float temperature, float entropy_coefficient,
                                     const gb_policy_objective* objective, gb_dtype dtype) {
    return run(
        "policy_loss_with_logits", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.stride("logits_stride", logits_stride, vocabulary);
            check.product("rows x logits_stride", {rows, logits_stride});
            check.require(temperature >= 1e-38f && temperature <= 1e38f, "temperature", "1e-38 to 1e38", temperature);
            check.finite("entropy_coefficient", entropy_coefficient);
            check.storage("dtype", dtype);
            require_objective(check, objective);
            check.require(objective->surrogate != GB_SURROGATE_VESPO, "objective.surrogate",
                          "a surrogate of single tokens, not of sequences", objective->surrogate);
            check.pointer("logits", logits, rows > 0);
            check.pointer("targets", targets, rows > 0);
            check.pointer("old_logprobs", old_logprobs, rows > 0);
            check.pointer("ref_logprobs", ref_logprobs, rows > 0 && objective->beta != 0);
            check.pointer("advantages", advantages, rows > 0);
            check.pointer("logprobs", logprobs, rows > 0);
            check.pointer("dlogits", dlogits, rows > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(rows, kBlockUnit, kPolicyLossStatistics));
        },
        [](const auto& ops) { return ops.policy_loss_with_logits; }, logits, targets, old_logprobs, ref_logprobs,
        advantages, corrections, weights, logprobs, entropies, losses, dlogits, statistics, rows, vocabulary,
        logits_stride, temperature, entropy_coefficient, objective, dtype);
}
