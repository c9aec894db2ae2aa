#include "cuda/statistics.h"
#include "op.h"

#include "nll_loss.h"

using namespace gimbal;

gb_status gb_nll_loss(gb_context* context, const float* logprobs, const float* weights, float* losses, float* dlogprobs,
                      double* statistics, int64_t count, float power) {
    return run(
        "nll_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(power >= 0, "power", "at least 0", power);
            check.pointer("logprobs", logprobs, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kNllLossStatistics));
        },
        [](const auto& ops) { return ops.nll_loss; }, logprobs, weights, losses, dlogprobs, statistics, count, power);
}
