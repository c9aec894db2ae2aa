#include "multiply.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_multiply(Cuda& cuda, const float* a, const float* b, float* y, int64_t count) {
    cuda.launch({"multiply", "multiply_kernel"}, cuda.grid_for(count, kMultiplyThreads, 4), kMultiplyThreads,
                MultiplyArguments{a, b, y, count});
}

} // namespace gimbal
