#include "swiglu.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_swiglu(Cuda& cuda, const void* x, void* y, int64_t rows, int64_t width, gb_dtype dtype) {
    cuda.launch({"swiglu", dtype == GB_BFLOAT16 ? "swiglu_kernel_bf16" : "swiglu_kernel"},
                cuda.grid_for(rows * width, kSwigluThreads, 4), kSwigluThreads, SwigluArguments{x, y, rows, width});
}

void cuda_swiglu_backward(Cuda& cuda, const void* dy, const void* x, void* dx, int64_t rows, int64_t width,
                          gb_dtype dtype) {
    cuda.launch({"swiglu", dtype == GB_BFLOAT16 ? "swiglu_backward_kernel_bf16" : "swiglu_backward_kernel"},
                cuda.grid_for(rows * width, kSwigluThreads, 4), kSwigluThreads,
                SwigluBackwardArguments{dy, x, dx, rows, width});
}

} // namespace gimbal
