#include "cuda/statistics.h"
#include "op.h"

#include "reward_loss.h"

using namespace gimbal;

gb_status gb_reward_loss(gb_context* context, const float* chosen, const float* rejected, const float* margins,
                         const float* weights, float* losses, float* dchosen, float* drejected, double* statistics,
                         int64_t pairs, float center) {
    return run(
        "reward_loss", context,
        [&](const Arguments& check) {
            check.size("pairs", pairs);
            check.finite("center", center);
            check.pointer("chosen", chosen, pairs > 0);
            check.pointer("rejected", rejected, pairs > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(pairs, kBlockUnit, kRewardLossStatistics));
        },
        [](const auto& ops) { return ops.reward_loss; }, chosen, rejected, margins, weights, losses, dchosen, drejected,
        statistics, pairs, center);
}
