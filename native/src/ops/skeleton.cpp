#include "op.h"

using namespace gimbal;

gb_status gb_skeleton(gb_context* context, const float* x, float* y, int64_t count, float factor) {
    return run(
        "skeleton", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.skeleton; }, x, y, count, factor);
}

gb_status gb_skeleton_backward(gb_context* context, const float* dy, float* dx, int64_t count, float factor) {
    return run(
        "skeleton_backward", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.pointer("dy", dy, count > 0);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.skeleton_backward; }, dy, dx, count, factor);
}
