#include "adamw.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_adamw(Cuda& cuda, float* weights, const float* gradients, float* m, float* v, void* copy,
                const gb_step_state* state, int64_t count, int64_t decay_count, float beta1, float beta2, float epsilon,
                float weight_decay, gb_dtype copy_dtype) {
    cuda.launch({"adamw", copy_dtype == GB_BFLOAT16 ? "adamw_kernel_bf16" : "adamw_kernel"},
                cuda.grid_for(count, kAdamwThreads, 4), kAdamwThreads,
                AdamwArguments{weights, gradients, m, v, copy, &state->learning_rate, &state->bias_correction1,
                               &state->bias_correction2, &state->clip_coefficient, count, decay_count, beta1, beta2,
                               epsilon, weight_decay});
}

} // namespace gimbal
