#include "gimbal.h"
#include "op.h"

using namespace gimbal;

gb_status gb_sum_rows(gb_context* context, const void* x, float* y, int64_t rows, int64_t width, int64_t x_stride,
                      int32_t accumulate, gb_dtype dtype) {
    return run(
        "sum_rows", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.stride("x_stride", x_stride, width);
            check.product("rows * x_stride", {rows, x_stride, 4});
            check.flag("accumulate", accumulate);
            check.pointer("x", x, rows > 0 && width > 0);
            check.pointer("y", y, width > 0);
            check.storage("dtype", dtype);
        },
        [](const auto& ops) { return ops.sum_rows; }, x, y, rows, width, x_stride, accumulate, dtype);
}
