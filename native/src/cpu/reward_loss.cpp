// Bradley-Terry loss of a reward model over pairs: loss, both gradients and statistics in one pass.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

void cpu_reward_loss(Cpu& cpu, const float* chosen, const float* rejected, const float* margins, const float* weights,
                     float* losses, float* dchosen, float* drejected, double* statistics, int64_t pairs, float center) {
    const F16 centring = broadcast(center), twice = broadcast(2.0f * center);
    sum_pieces<6>(cpu.threads, pairs, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[6]) {
        D16 loss_sum, weight_sum, chosen_sum, rejected_sum;
        int64_t elements = 0, right = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            const F16 better = load(chosen + i, n), worse = load(rejected + i, n);
            F16 x = better - worse;
            if (margins != nullptr) x = x - load(margins + i, n);
            const F16 sum = better + worse;
            const Preference<F16> p = preference(x);
            F16 term = -p.log_sigmoid, up = -p.opposite, down = p.opposite;
            if (center != 0) {
                term = fma(centring * sum, sum, term);
                up = fma(twice, sum, up);
                down = fma(twice, sum, down);
            }
            const F16 loss = weight.times(term);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dchosen != nullptr) store(dchosen + i, weight.times(up), n);
            if (drejected != nullptr) store(drejected + i, weight.times(down), n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            chosen_sum.add(weight.only(better));
            rejected_sum.add(weight.only(worse));
            elements += weight.count();
            right += weight.count(better > worse);
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(elements);
        sums[3] = reduce_add(chosen_sum);
        sums[4] = reduce_add(rejected_sum);
        sums[5] = static_cast<double>(right);
    });
}

} // namespace gimbal::GB_ISA
