#include "op.h"

#include "common/column_sum_plan.h"

using namespace gimbal;

gb_status gb_layernorm(gb_context* context, const void* x, const void* weight, const void* bias, void* y, float* mean,
                       float* rstd, int64_t rows, int64_t width, float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype,
                       gb_dtype y_dtype) {
    return run(
        "layernorm", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width, 1);
            check.product("rows x width", {rows, width});
            check.require(epsilon >= 0 && epsilon <= 1e38f, "epsilon", "0 to 1e38", epsilon);
            check.storage("x_dtype", x_dtype);
            check.storage("weight_dtype", weight_dtype);
            check.storage("y_dtype", y_dtype);
            check.pointer("x", x, rows > 0);
            check.pointer("weight", weight, rows > 0);
            check.pointer("y", y, rows > 0);
            check.pointer("mean", mean, rstd != nullptr);
            check.pointer("rstd", rstd, mean != nullptr);
        },
        [](const auto& ops) { return ops.layernorm; }, x, weight, bias, y, mean, rstd, rows, width, epsilon, x_dtype,
        weight_dtype, y_dtype);
}

gb_status gb_layernorm_backward(gb_context* context, const void* dy, const void* x, const void* weight,
                                const float* mean, const float* rstd, void* dx, float* dweight, float* dbias,
                                int64_t rows, int64_t width, int32_t accumulate, gb_dtype x_dtype,
                                gb_dtype weight_dtype, gb_dtype y_dtype) {
    return run(
        "layernorm_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width, 1);
            check.product("rows x width", {rows, width});
            check.flag("accumulate", accumulate);
            check.storage("x_dtype", x_dtype);
            check.storage("weight_dtype", weight_dtype);
            check.storage("y_dtype", y_dtype);
            check.pointer("dy", dy, rows > 0);
            check.pointer("x", x, rows > 0);
            check.pointer("weight", weight, rows > 0);
            check.pointer("mean", mean, rows > 0);
            check.pointer("rstd", rstd, rows > 0);
            check.pointer("dx", dx, rows > 0);
            if (dweight != nullptr || dbias != nullptr)
                context->require_workspace(ColumnSumPlan(rows, width).bytes(2));
        },
        [](const auto& ops) { return ops.layernorm_backward; }, dy, x, weight, mean, rstd, dx, dweight, dbias, rows,
        width, accumulate, x_dtype, weight_dtype, y_dtype);
}
