#include "op.h"

using namespace gimbal;

gb_status gb_adamw(gb_context* context, float* weights, const float* gradients, float* m, float* v, void* copy,
                   const gb_step_state* state, int64_t count, int64_t decay_count, float beta1, float beta2,
                   float epsilon, float weight_decay, gb_dtype copy_dtype) {
    return run(
        "adamw", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(decay_count >= 0 && decay_count <= count, "decay_count", "0 to count",
                          static_cast<double>(decay_count));
            check.require(beta1 >= 0 && beta1 < 1, "beta1", "0 up to but not 1", beta1);
            check.require(beta2 >= 0 && beta2 < 1, "beta2", "0 up to but not 1", beta2);
            check.require(epsilon >= 0, "epsilon", "0 or more", epsilon);
            check.finite("weight_decay", weight_decay);
            check.storage("copy_dtype", copy_dtype);
            check.pointer("weights", weights, count > 0);
            check.pointer("gradients", gradients, count > 0);
            check.pointer("m", m, count > 0);
            check.pointer("v", v, count > 0);
            check.pointer("state", state);
        },
        [](const auto& ops) { return ops.adamw; }, weights, gradients, m, v, copy, state, count, decay_count, beta1,
        beta2, epsilon, weight_decay, copy_dtype);
}
