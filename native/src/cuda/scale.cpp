#include "scale.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_scale(Cuda& cuda, float* x, int64_t count, float factor) {
    cuda.launch({"scale", "scale_kernel"}, cuda.grid_for(count, kScaleThreads, 4), kScaleThreads,
                ScaleArguments{x, count, factor});
}

} // namespace gimbal
