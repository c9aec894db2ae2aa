#include "op.h"

using namespace gimbal;

gb_status gb_scale(gb_context* context, float* x, int64_t count, float factor) {
    return run(
        "scale", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.pointer("x", x, count > 0);
        },
        [](const auto& ops) { return ops.scale; }, x, count, factor);
}
