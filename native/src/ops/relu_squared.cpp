#include "op.h"

using namespace gimbal;

gb_status gb_relu_squared(gb_context* context, const void* x, void* y, int64_t count, gb_dtype dtype) {
    return run(
        "relu_squared", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.storage("dtype", dtype);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.relu_squared; }, x, y, count, dtype);
}

gb_status gb_relu_squared_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t count,
                                   gb_dtype dtype) {
    return run(
        "relu_squared_backward", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.storage("dtype", dtype);
            check.pointer("dy", dy, count > 0);
            check.pointer("x", x, count > 0);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.relu_squared_backward; }, dy, x, dx, count, dtype);
}
