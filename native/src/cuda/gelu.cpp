#include "gelu.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_gelu(Cuda& cuda, const void* x, void* y, int64_t count, int32_t form, gb_dtype) {
    cuda.launch({"gelu", form == GB_GELU_ERF ? "gelu_kernel_erf" : "gelu_kernel_tanh"},
                cuda.grid_for(count, kGeluThreads, 4), kGeluThreads,
                GeluArguments{static_cast<const float*>(x), static_cast<float*>(y), count});
}

void cuda_gelu_backward(Cuda& cuda, const void* dy, const void* x, void* dx, int64_t count, int32_t form, gb_dtype) {
    cuda.launch({"gelu", form == GB_GELU_ERF ? "gelu_backward_kernel_erf" : "gelu_backward_kernel_tanh"},
                cuda.grid_for(count, kGeluThreads, 4), kGeluThreads,
                GeluBackwardArguments{static_cast<const float*>(dy), static_cast<const float*>(x),
                                      static_cast<float*>(dx), count});
}

} // namespace gimbal
