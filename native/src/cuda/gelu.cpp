#include "gelu.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_gelu(Cuda& cuda, const void* x, void* y, int64_t count, int32_t form, gb_dtype dtype) {
    const bool half = dtype == GB_BFLOAT16;
    const char* name = form == GB_GELU_ERF ? (half ? "gelu_kernel_erf_bf16" : "gelu_kernel_erf")
                                           : (half ? "gelu_kernel_tanh_bf16" : "gelu_kernel_tanh");
    cuda.launch({"gelu", name}, cuda.grid_for(count, kGeluThreads, 4), kGeluThreads, GeluArguments{x, y, count});
}

void cuda_gelu_backward(Cuda& cuda, const void* dy, const void* x, void* dx, int64_t count, int32_t form,
                        gb_dtype dtype) {
    const bool half = dtype == GB_BFLOAT16;
    const char* name = form == GB_GELU_ERF ? (half ? "gelu_backward_kernel_erf_bf16" : "gelu_backward_kernel_erf")
                                           : (half ? "gelu_backward_kernel_tanh_bf16" : "gelu_backward_kernel_tanh");
    cuda.launch({"gelu", name}, cuda.grid_for(count, kGeluThreads, 4), kGeluThreads,
                GeluBackwardArguments{dy, x, dx, count});
}

} // namespace gimbal
