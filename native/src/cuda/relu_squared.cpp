#include "relu_squared.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_relu_squared(Cuda& cuda, const void* x, void* y, int64_t count, gb_dtype dtype) {
    cuda.launch({"relu_squared", dtype == GB_BFLOAT16 ? "relu_squared_kernel_bf16" : "relu_squared_kernel"},
                cuda.grid_for(count, kReluSquaredThreads, 4), kReluSquaredThreads, ReluSquaredArguments{x, y, count});
}

void cuda_relu_squared_backward(Cuda& cuda, const void* dy, const void* x, void* dx, int64_t count, gb_dtype dtype) {
    cuda.launch(
        {"relu_squared", dtype == GB_BFLOAT16 ? "relu_squared_backward_kernel_bf16" : "relu_squared_backward_kernel"},
        cuda.grid_for(count, kReluSquaredThreads, 4), kReluSquaredThreads,
        ReluSquaredBackwardArguments{dy, x, dx, count});
}

} // namespace gimbal
