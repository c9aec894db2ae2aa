#include "op.h"

using namespace gimbal;

gb_status gb_tanh(gb_context* context, const void* x, void* y, int64_t count, gb_dtype dtype) {
    return run(
        "tanh", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.storage("dtype", dtype);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.tanh; }, x, y, count, dtype);
}

gb_status gb_tanh_backward(gb_context* context, const void* dy, const void* y, void* dx, int64_t count,
                           gb_dtype dtype) {
    return run(
        "tanh_backward", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.storage("dtype", dtype);
            check.pointer("dy", dy, count > 0);
            check.pointer("y", y, count > 0);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.tanh_backward; }, dy, y, dx, count, dtype);
}
