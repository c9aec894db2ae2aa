#include "swiglu.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_swiglu(Cuda& cuda, const void* x, void* y, int64_t rows, int64_t width, gb_dtype) {
    cuda.launch({"swiglu", "swiglu_kernel"}, cuda.grid_for(rows * width, kSwigluThreads, 4), kSwigluThreads,
                SwigluArguments{static_cast<const float*>(x), static_cast<float*>(y), rows, width});
}

void cuda_swiglu_backward(Cuda& cuda, const void* dy, const void* x, void* dx, int64_t rows, int64_t width, gb_dtype) {
    cuda.launch({"swiglu", "swiglu_backward_kernel"}, cuda.grid_for(rows * width, kSwigluThreads, 4), kSwigluThreads,
                SwigluBackwardArguments{static_cast<const float*>(dy), static_cast<const float*>(x),
                                        static_cast<float*>(dx), rows, width});
}

} // namespace gimbal
