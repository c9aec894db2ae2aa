#include "tanh.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_tanh(Cuda& cuda, const void* x, void* y, int64_t count, gb_dtype) {
    cuda.launch({"tanh", "tanh_kernel"}, cuda.grid_for(count, kTanhThreads, 4), kTanhThreads,
                TanhArguments{static_cast<const float*>(x), static_cast<float*>(y), count});
}

void cuda_tanh_backward(Cuda& cuda, const void* dy, const void* y, void* dx, int64_t count, gb_dtype) {
    cuda.launch({"tanh", "tanh_backward_kernel"}, cuda.grid_for(count, kTanhThreads, 4), kTanhThreads,
                TanhBackwardArguments{static_cast<const float*>(dy), static_cast<const float*>(y),
                                      static_cast<float*>(dx), count});
}

} // namespace gimbal
