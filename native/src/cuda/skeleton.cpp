#include "skeleton.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_skeleton(Cuda& cuda, const float* x, float* y, int64_t count, float factor) {
    cuda.launch({"skeleton", "skeleton_kernel"}, cuda.grid_for(count, kSkeletonThreads, 4), kSkeletonThreads,
                SkeletonArguments{x, y, count, factor});
}

void cuda_skeleton_backward(Cuda& cuda, const float* dy, float* dx, int64_t count, float factor) {
    cuda_skeleton(cuda, dy, dx, count, factor);
}

} // namespace gimbal
