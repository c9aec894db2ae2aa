#include "tanh_squash.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_tanh_squash(Cuda& cuda, const float* x, float* y, float* logprob, int64_t rows, int64_t dims, float epsilon) {
    cuda.launch({"tanh_squash", "tanh_squash_kernel"}, {(rows + kTanhSquashRows - 1) / kTanhSquashRows},
                kTanhSquashThreads, TanhSquashArguments{x, y, logprob, rows, dims, epsilon});
}

} // namespace gimbal
