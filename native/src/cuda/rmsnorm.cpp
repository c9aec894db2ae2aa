#include "rmsnorm.h"
#include "cuda/rows.h"

namespace gimbal {

void cuda_rmsnorm(Cuda& cuda, const void* x, const void* weight, void* y, float* rstd, int64_t rows, int64_t width,
                  float epsilon, gb_dtype, gb_dtype, gb_dtype) {
    launch_rows(cuda, {"rmsnorm", "rmsnorm_kernel"}, {"rmsnorm", "rmsnorm_kernel_team"}, 1,
                RmsnormArguments{static_cast<const float*>(x), static_cast<const float*>(weight),
                                 static_cast<float*>(y), rstd, rows, width, epsilon});
}

void cuda_rmsnorm_backward(Cuda& cuda, const void* dy, const void* x, const void* weight, const float* rstd, void* dx,
                           float* dweight, int64_t rows, int64_t width, int32_t accumulate, gb_dtype, gb_dtype,
                           gb_dtype) {
    const auto *gradient = static_cast<const float*>(dy), *input = static_cast<const float*>(x);
    launch_rows(cuda, {"rmsnorm", "rmsnorm_backward_kernel"}, {"rmsnorm", "rmsnorm_backward_kernel_team"}, 2,
                RmsnormBackwardArguments{gradient, input, static_cast<const float*>(weight), rstd,
                                         static_cast<float*>(dx), rows, width, accumulate});
    if (dweight == nullptr || rows == 0) return;
    const ColumnSumPlan plan(rows, width);
    cuda.launch({"rmsnorm", "rmsnorm_backward_kernel_weight"}, {plan.tiles, plan.pieces}, kColumnThreads,
                RmsnormWeightArguments{gradient, input, rstd, dweight, static_cast<float*>(cuda.workspace),
                                       cuda.tickets(), plan});
}

} // namespace gimbal
