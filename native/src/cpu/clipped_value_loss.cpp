// The value loss of the clipped value alone: loss, gradient and statistics in one pass.
#include "cpu/cpu.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

void cpu_clipped_value_loss(Cpu& cpu, const float* values, const float* old_values, const float* returns,
                            const float* weights, float* losses, float* dvalues, double* statistics, int64_t count,
                            float clip_range) {
    const F16 range = broadcast(clip_range), half = broadcast(0.5f);
    sum_pieces<4>(cpu.threads, count, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[4]) {
        D16 loss_sum, weight_sum;
        int64_t elements = 0, clipped = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            const F16 value = load(values + i, n), old_value = load(old_values + i, n);
            const F16 low = old_value - range, high = old_value + range;
            const M16 below = value<low, above = value> high;
            const F16 error = select(below, low, select(above, high, value)) - load(returns + i, n);
            const F16 loss = weight.times(half * error * error);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dvalues != nullptr) store(dvalues + i, weight.times(select(below | above, zero(), error)), n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            elements += weight.count();
            clipped += weight.count(below | above);
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(elements);
        sums[3] = static_cast<double>(clipped);
    });
}

} // namespace gimbal::GB_ISA
