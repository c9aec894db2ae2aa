#include "grad_max.h"
#include "cuda/cuda.h"

#include <algorithm>

namespace gimbal {

// One block at least: the state is written for an empty array as well.
void cuda_grad_max(Cuda& cuda, const float* gradients, gb_step_state* state, int64_t count, float max_norm) {
    const int64_t blocks = std::clamp<int64_t>(cuda.grid_for(count, kGradMaxThreads, 4).x, 1, kGradMaxBlocks);
    cuda.launch({"grad_max", "grad_max_kernel"}, {blocks}, kGradMaxThreads,
                GradMaxArguments{gradients, &state->gradient_norm, &state->clip_coefficient,
                                 static_cast<unsigned*>(cuda.workspace), cuda.tickets(), count, max_norm});
}

} // namespace gimbal
