#include "tanh.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_tanh(Cuda& cuda, const void* x, void* y, int64_t count, gb_dtype dtype) {
    cuda.launch({"tanh", dtype == GB_BFLOAT16 ? "tanh_kernel_bf16" : "tanh_kernel"},
                cuda.grid_for(count, kTanhThreads, 4), kTanhThreads, TanhArguments{x, y, count});
}

void cuda_tanh_backward(Cuda& cuda, const void* dy, const void* y, void* dx, int64_t count, gb_dtype dtype) {
    cuda.launch({"tanh", dtype == GB_BFLOAT16 ? "tanh_backward_kernel_bf16" : "tanh_backward_kernel"},
                cuda.grid_for(count, kTanhThreads, 4), kTanhThreads, TanhBackwardArguments{dy, y, dx, count});
}

} // namespace gimbal
