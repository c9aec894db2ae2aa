#include "cuda/statistics.h"
#include "op.h"

#include "clipped_value_loss.h"

using namespace gimbal;

gb_status gb_clipped_value_loss(gb_context* context, const float* values, const float* old_values, const float* returns,
                                const float* weights, float* losses, float* dvalues, double* statistics, int64_t count,
                                float clip_range) {
    return run(
        "clipped_value_loss", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(clip_range > 0, "clip_range", "above 0", clip_range);
            check.pointer("values", values, count > 0);
            check.pointer("old_values", old_values, count > 0);
            check.pointer("returns", returns, count > 0);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(count, kBlockUnit, kClippedValueLossStatistics));
        },
        [](const auto& ops) { return ops.clipped_value_loss; }, values, old_values, returns, weights, losses, dvalues,
        statistics, count, clip_range);
}
