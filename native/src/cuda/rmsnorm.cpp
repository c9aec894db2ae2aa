#include "rmsnorm.h"
#include "cuda/rows.h"

namespace gimbal {

void cuda_rmsnorm(Cuda& cuda, const void* x, const void* weight, void* y, float* rstd, int64_t rows, int64_t width,
                  float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype) {
    launch_rows(cuda, {"rmsnorm", "rmsnorm_kernel"}, {"rmsnorm", "rmsnorm_kernel_team"}, 1,
                RmsnormArguments{x, weight, y, rstd, rows, width, epsilon, x_dtype == GB_BFLOAT16,
                                 weight_dtype == GB_BFLOAT16, y_dtype == GB_BFLOAT16});
}

void cuda_rmsnorm_backward(Cuda& cuda, const void* dy, const void* x, const void* weight, const float* rstd, void* dx,
                           float* dweight, int64_t rows, int64_t width, int32_t accumulate, gb_dtype x_dtype,
                           gb_dtype weight_dtype, gb_dtype y_dtype) {
    const bool x_bf16 = x_dtype == GB_BFLOAT16, y_bf16 = y_dtype == GB_BFLOAT16;
    launch_rows(cuda, {"rmsnorm", "rmsnorm_backward_kernel"}, {"rmsnorm", "rmsnorm_backward_kernel_team"}, 2,
                RmsnormBackwardArguments{dy, x, weight, rstd, dx, rows, width, accumulate != 0, x_bf16,
                                         weight_dtype == GB_BFLOAT16, y_bf16});
    if (dweight == nullptr || rows == 0) return;
    const ColumnSumPlan plan(rows, width);
    cuda.launch({"rmsnorm", "rmsnorm_backward_kernel_weight"}, {plan.tiles, plan.pieces}, kColumnThreads,
                RmsnormWeightArguments{dy, x, rstd, dweight, static_cast<float*>(cuda.workspace), cuda.tickets(), plan,
                                       x_bf16, y_bf16});
}

} // namespace gimbal
