#include "op.h"

using namespace gimbal;

gb_status gb_rope(gb_context* context, const void* x, const int32_t* positions, const float* table, void* y,
                  int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions,
                  int64_t x_stride, int64_t y_stride, int32_t interleaved, gb_dtype dtype) {
    return run(
        "rope", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("heads", heads);
            check.size("head_dim", head_dim);
            check.size("rotary_dim", rotary_dim);
            check.size("table_positions", table_positions);
            check.require(rotary_dim <= head_dim && rotary_dim % 2 == 0, "rotary_dim", "an even number up to head_dim",
                          static_cast<double>(rotary_dim));
            check.product("heads x head_dim", {heads, head_dim});
            check.stride("x_stride", x_stride, heads * head_dim);
            check.stride("y_stride", y_stride, heads * head_dim);
            check.require(y != x || y_stride == x_stride, "y_stride", "the stride of x, which it shares memory with",
                          static_cast<double>(y_stride));
            check.product("rows x x_stride", {rows, x_stride});
            check.product("rows x y_stride", {rows, y_stride});
            check.product("table_positions x rotary_dim", {table_positions, rotary_dim});
            check.flag("interleaved", interleaved);
            check.storage("dtype", dtype);
            const bool needed = rows > 0 && heads > 0 && head_dim > 0;
            check.pointer("x", x, needed);
            check.pointer("y", y, needed);
            check.pointer("positions", positions, rows > 0);
            check.pointer("table", table, needed && rotary_dim > 0);
        },
        [](const auto& ops) { return ops.rope; }, x, positions, table, y, rows, heads, head_dim, rotary_dim,
        table_positions, x_stride, y_stride, interleaved, dtype);
}

gb_status gb_rope_backward(gb_context* context, const void* dy, const int32_t* positions, const float* table, void* dx,
                           int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions,
                           int64_t dy_stride, int64_t dx_stride, int32_t interleaved, gb_dtype dtype) {
    return run(
        "rope_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("heads", heads);
            check.size("head_dim", head_dim);
            check.size("rotary_dim", rotary_dim);
            check.size("table_positions", table_positions);
            check.require(rotary_dim <= head_dim && rotary_dim % 2 == 0, "rotary_dim", "an even number up to head_dim",
                          static_cast<double>(rotary_dim));
            check.product("heads x head_dim", {heads, head_dim});
            check.stride("dy_stride", dy_stride, heads * head_dim);
            check.stride("dx_stride", dx_stride, heads * head_dim);
            check.require(dx != dy || dx_stride == dy_stride, "dx_stride",
                          "the stride of dy, which it shares memory with", static_cast<double>(dx_stride));
            check.product("rows x dy_stride", {rows, dy_stride});
            check.product("rows x dx_stride", {rows, dx_stride});
            check.product("table_positions x rotary_dim", {table_positions, rotary_dim});
            check.flag("interleaved", interleaved);
            check.storage("dtype", dtype);
            const bool needed = rows > 0 && heads > 0 && head_dim > 0;
            check.pointer("dy", dy, needed);
            check.pointer("dx", dx, needed);
            check.pointer("positions", positions, rows > 0);
            check.pointer("table", table, needed && rotary_dim > 0);
        },
        [](const auto& ops) { return ops.rope_backward; }, dy, positions, table, dx, rows, heads, head_dim, rotary_dim,
        table_positions, dy_stride, dx_stride, interleaved, dtype);
}
