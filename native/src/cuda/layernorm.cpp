#include "layernorm.h"
#include "cuda/rows.h"

namespace gimbal {

void cuda_layernorm(Cuda& cuda, const void* x, const void* weight, const void* bias, void* y, float* mean, float* rstd,
                    int64_t rows, int64_t width, float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype,
                    gb_dtype y_dtype) {
    launch_rows(cuda, {"layernorm", "layernorm_kernel"}, {"layernorm", "layernorm_kernel_team"}, 1,
                LayernormArguments{x, weight, bias, y, mean, rstd, rows, width, epsilon, x_dtype == GB_BFLOAT16,
                                   weight_dtype == GB_BFLOAT16, y_dtype == GB_BFLOAT16});
}

void cuda_layernorm_backward(Cuda& cuda, const void* dy, const void* x, const void* weight, const float* mean,
                             const float* rstd, void* dx, float* dweight, float* dbias, int64_t rows, int64_t width,
                             int32_t accumulate, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype) {
    const bool x_bf16 = x_dtype == GB_BFLOAT16, y_bf16 = y_dtype == GB_BFLOAT16;
    launch_rows(cuda, {"layernorm", "layernorm_backward_kernel"}, {"layernorm", "layernorm_backward_kernel_team"}, 2,
                LayernormBackwardArguments{dy, x, weight, mean, rstd, dx, rows, width, accumulate != 0, x_bf16,
                                           weight_dtype == GB_BFLOAT16, y_bf16});
    if ((dweight == nullptr && dbias == nullptr) || rows == 0) return;
    const ColumnSumPlan plan(rows, width);
    cuda.launch({"layernorm", "layernorm_backward_kernel_weight"}, {plan.tiles, plan.pieces}, kColumnThreads,
                LayernormWeightArguments{dy, x, mean, rstd, dweight, dbias, static_cast<float*>(cuda.workspace),
                                         cuda.tickets(), plan, x_bf16, y_bf16});
}

} // namespace gimbal
