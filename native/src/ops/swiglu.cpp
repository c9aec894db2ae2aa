#include "op.h"

using namespace gimbal;

gb_status gb_swiglu(gb_context* context, const void* x, void* y, int64_t rows, int64_t width, gb_dtype dtype) {
    return run(
        "swiglu", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.product("rows x 2 width", {rows, 2, width});
            check.storage("dtype", dtype);
            check.pointer("x", x, rows > 0 && width > 0);
            check.pointer("y", y, rows > 0 && width > 0);
        },
        [](const auto& ops) { return ops.swiglu; }, x, y, rows, width, dtype);
}

gb_status gb_swiglu_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t rows, int64_t width,
                             gb_dtype dtype) {
    return run(
        "swiglu_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.product("rows x 2 width", {rows, 2, width});
            check.storage("dtype", dtype);
            check.pointer("dy", dy, rows > 0 && width > 0);
            check.pointer("x", x, rows > 0 && width > 0);
            check.pointer("dx", dx, rows > 0 && width > 0);
        },
        [](const auto& ops) { return ops.swiglu_backward; }, dy, x, dx, rows, width, dtype);
}
