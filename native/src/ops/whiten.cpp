#include "cuda/statistics.h"
#include "op.h"

#include "whiten.h"

using namespace gimbal;

gb_status gb_whiten(gb_context* context, const float* x, const uint8_t* mask, float* y, double* moments, int64_t count,
                    float epsilon, int32_t ddof, int32_t keep_mean) {
    return run(
        "whiten", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(epsilon >= 0, "epsilon", "at least 0", epsilon);
            check.require(ddof >= 0, "ddof", "at least 0", ddof);
            check.flag("keep_mean", keep_mean);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
            context->require_workspace(kWhitenResultBytes + partials_bytes(count, kBlockUnit, kWhitenSums));
        },
        [](const auto& ops) { return ops.whiten; }, x, mask, y, moments, count, epsilon, ddof, keep_mean);
}
