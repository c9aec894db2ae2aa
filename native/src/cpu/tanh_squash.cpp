// Actions squashed by tanh and what that adds to their log-probability. Lanes run over the action's dimensions.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {

void cpu_tanh_squash(Cpu& cpu, const float* x, float* y, float* logprob, int64_t rows, int64_t dims, float epsilon) {
    const F16 one = broadcast(1.0f), least = broadcast(epsilon);
    for_rows(cpu.threads, rows, dims, [&](int64_t r) {
        F16 sum = zero();
        for_lanes(0, dims, [&](int64_t d, auto n) {
            // Lanes past the end hold a slope of 1, whose logarithm adds 0.
            const F16 action = tanh(load(x + r * dims + d, n));
            alignas(64) float slopes[16];
            store(slopes, fma(-action, action, one) + least);
            if (y != nullptr) store(y + r * dims + d, action, n);
            sum = sum + log(load(slopes, n, 1.0f));
        });
        logprob[r] = logprob[r] - reduce_add(sum);
    });
}

} // namespace gimbal::GB_ISA
