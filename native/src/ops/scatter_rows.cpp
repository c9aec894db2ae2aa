#include "op.h"

using namespace gimbal;

gb_status gb_scatter_rows(gb_context* context, const void* x, const int32_t* indices, void* y, int64_t rows,
                          int64_t width, int64_t y_rows, int64_t x_stride, gb_dtype x_dtype, gb_dtype y_dtype) {
    return run(
        "scatter_rows", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.size("y_rows", y_rows);
            check.stride("x_stride", x_stride, width);
            check.product("rows x x_stride", {rows, x_stride});
            check.product("y_rows x width", {y_rows, width});
            check.storage("x_dtype", x_dtype);
            check.storage("y_dtype", y_dtype);
            check.pointer("x", x, rows > 0 && width > 0);
            check.pointer("y", y, rows > 0 && width > 0);
            check.pointer("indices", indices, rows > 0);
        },
        [](const auto& ops) { return ops.scatter_rows; }, x, indices, y, rows, width, y_rows, x_stride, x_dtype,
        y_dtype);
}
