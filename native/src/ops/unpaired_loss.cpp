#include "cuda/statistics.h"
#include "op.h"

#include "unpaired_loss.h"

using namespace gimbal;

gb_status gb_unpaired_loss(gb_context* context, const float* logprobs, const float* ref_logprobs,
                           const uint8_t* desirable, const float* weights, float* losses, float* dlogprobs,
                           double* statistics, int64_t count, float beta, float shift, int32_t form) {
    return run(
        "unpaired_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.finite("beta", beta);
            check.finite("shift", shift);
            check.require(form == GB_UNPAIRED_KTO || form == GB_UNPAIRED_BCO, "form", "a GB_UNPAIRED_*", form);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("desirable", desirable, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kUnpairedLossStatistics));
        },
        [](const auto& ops) { return ops.unpaired_loss; }, logprobs, ref_logprobs, desirable, weights, losses,
        dlogprobs, statistics, count, beta, shift, form);
}
