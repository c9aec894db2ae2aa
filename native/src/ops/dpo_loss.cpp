#include "cuda/statistics.h"
#include "op.h"

#include "dpo_loss.h"

using namespace gimbal;

gb_status gb_dpo_loss(gb_context* context, const float* chosen, const float* rejected, const float* ref_chosen,
                      const float* ref_rejected, const float* weights, float* losses, float* dchosen, float* drejected,
                      double* statistics, int64_t pairs, float beta, float label_smoothing) {
    return run(
        "dpo_loss", context,
        [&](const Arguments& check) {
            check.size("pairs", pairs);
            check.finite("beta", beta);
            check.require(label_smoothing >= 0 && label_smoothing <= 1, "label_smoothing", "0 to 1", label_smoothing);
            check.pointer("chosen", chosen, pairs > 0);
            check.pointer("rejected", rejected, pairs > 0);
            check.pointer("ref_chosen", ref_chosen, pairs > 0 && ref_rejected != nullptr);
            check.pointer("ref_rejected", ref_rejected, pairs > 0 && ref_chosen != nullptr);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(pairs, kBlockUnit, kDpoLossStatistics));
        },
        [](const auto& ops) { return ops.dpo_loss; }, chosen, rejected, ref_chosen, ref_rejected, weights, losses,
        dchosen, drejected, statistics, pairs, beta, label_smoothing);
}
