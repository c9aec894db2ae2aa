#include "layernorm.h"
#include "cuda/rows.h"

namespace gimbal {

void cuda_layernorm(Cuda& cuda, const void* x, const void* weight, const void* bias, void* y, float* mean, float* rstd,
                    int64_t rows, int64_t width, float epsilon, gb_dtype, gb_dtype, gb_dtype) {
    launch_rows(cuda, {"layernorm", "layernorm_kernel"}, {"layernorm", "layernorm_kernel_team"}, 1,
                LayernormArguments{static_cast<const float*>(x), static_cast<const float*>(weight),
                                   static_cast<const float*>(bias), static_cast<float*>(y), mean, rstd, rows, width,
                                   epsilon});
}

void cuda_layernorm_backward(Cuda& cuda, const void* dy, const void* x, const void* weight, const float* mean,
                             const float* rstd, void* dx, float* dweight, float* dbias, int64_t rows, int64_t width,
                             int32_t accumulate, gb_dtype, gb_dtype, gb_dtype) {
    const auto *gradient = static_cast<const float*>(dy), *input = static_cast<const float*>(x);
    launch_rows(cuda, {"layernorm", "layernorm_backward_kernel"}, {"layernorm", "layernorm_backward_kernel_team"}, 2,
                LayernormBackwardArguments{gradient, input, static_cast<const float*>(weight), mean, rstd,
                                           static_cast<float*>(dx), rows, width, accumulate});
    if ((dweight == nullptr && dbias == nullptr) || rows == 0) return;
    const ColumnSumPlan plan(rows, width);
    cuda.launch({"layernorm", "layernorm_backward_kernel_weight"}, {plan.tiles, plan.pieces}, kColumnThreads,
                LayernormWeightArguments{gradient, input, mean, rstd, dweight, dbias,
                                         static_cast<float*>(cuda.workspace), cuda.tickets(), plan});
}

} // namespace gimbal
