// Clipped value loss: loss, gradient and statistics in one pass.
#include "cpu/cpu.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

void cpu_value_clip_loss(Cpu& cpu, const float* values, const float* old_values, const float* returns,
                         const float* weights, float* losses, float* dvalues, double* statistics, int64_t count,
                         float clip_range) {
    const F16 range = broadcast(clip_range), half = broadcast(0.5f);
    sum_pieces<4>(cpu.threads, count, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[4]) {
        D16 loss_sum, weight_sum;
        int64_t elements = 0, clipped_elements = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            const F16 value = load(values + i, n), target = load(returns + i, n);
            F16 error = value - target;
            F16 gradient = error;
            if (clip_range > 0) {
                const F16 old_value = load(old_values + i, n);
                const F16 low = old_value - range, high = old_value + range;
                const F16 clipped = select(value < low, low, select(value > high, high, value)) - target;
                const M16 clips = error * error < clipped * clipped;
                error = select(clips, clipped, error);
                gradient = select(clips, zero(), gradient);
                clipped_elements += weight.count(clips);
            }
            const F16 loss = weight.times(half * error * error);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dvalues != nullptr) store(dvalues + i, weight.times(gradient), n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            elements += weight.count();
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(elements);
        sums[3] = static_cast<double>(clipped_elements);
    });
}

} // namespace gimbal::GB_ISA
