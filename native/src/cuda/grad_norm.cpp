#include "grad_norm.h"
#include "cuda/cuda.h"

namespace gimbal {

// One block at least: the state is written for an empty array as well.
void cuda_grad_norm(Cuda& cuda, const float* gradients, gb_step_state* state, int64_t count, float max_norm) {
    const GradNormPlan plan(count);
    cuda.launch({"grad_norm", "grad_norm_kernel"}, {plan.pieces > 0 ? plan.pieces : 1}, kGradNormThreads,
                GradNormArguments{gradients, &state->gradient_norm, &state->clip_coefficient,
                                  static_cast<double*>(cuda.workspace), cuda.tickets(), count, plan, max_norm});
}

} // namespace gimbal
