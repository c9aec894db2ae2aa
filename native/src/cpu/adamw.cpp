// AdamW in one pass: weights, gradient and both moments read once, all but the gradient written once. What depends on
// the step alone is worked out in double before the pass.
#include "cpu/cpu.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_adamw(Cpu& cpu, float* weights, const float* gradients, float* m, float* v, void* copy,
               const gb_step_state* state, int64_t count, int64_t decay_count, float beta1, float beta2, float epsilon,
               float weight_decay, gb_dtype copy_dtype) {
    const double rate = state->learning_rate;
    const F16 clip = broadcast(state->clip_coefficient);
    const F16 b1 = broadcast(beta1), b2 = broadcast(beta2), keep1 = broadcast(1.0f - beta1),
              keep2 = broadcast(1.0f - beta2);
    const F16 step = broadcast(static_cast<float>(-rate / state->bias_correction1));
    const F16 root_bias2 = broadcast(static_cast<float>(std::sqrt(static_cast<double>(state->bias_correction2))));
    const F16 eps = broadcast(epsilon);
    const auto update = [&](auto* rounded, int64_t begin, int64_t end, F16 shrink) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 g = clip * load(gradients + i, n);
            const F16 first = fma(b1, load(m + i, n), keep1 * g);
            const F16 second = fma(b2, load(v + i, n), keep2 * g * g);
            const F16 denominator = sqrt(second) / root_bias2 + eps;
            const F16 w = fma(step, first / denominator, load(weights + i, n) * shrink);
            store(m + i, first, n);
            store(v + i, second, n);
            store(weights + i, w, n);
            if (rounded != nullptr) store(rounded + i, w, n);
        });
    };
    const F16 decayed = broadcast(static_cast<float>(1.0 - rate * static_cast<double>(weight_decay)));
    as_stored(copy_dtype, [&](auto stored) {
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            const int64_t border = decay_count < begin ? begin : decay_count < end ? decay_count : end;
            update(stored(copy), begin, border, decayed);
            update(stored(copy), border, end, broadcast(1.0f));
        });
    });
}

} // namespace gimbal::GB_ISA
