// DPO's sigmoid loss over pairs: loss, both gradients and statistics in one pass.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

void cpu_dpo_loss(Cpu& cpu, const float* chosen, const float* rejected, const float* ref_chosen,
                  const float* ref_rejected, const float* weights, float* losses, float* dchosen, float* drejected,
                  double* statistics, int64_t pairs, float beta, float label_smoothing) {
    const F16 scale = broadcast(beta), smoothing = broadcast(label_smoothing), rest = broadcast(1.0f - label_smoothing);
    sum_pieces<6>(cpu.threads, pairs, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[6]) {
        D16 loss_sum, weight_sum, chosen_sum, rejected_sum;
        int64_t elements = 0, right = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            F16 h_chosen = load(chosen + i, n), h_rejected = load(rejected + i, n);
            if (ref_chosen != nullptr) {
                h_chosen = h_chosen - load(ref_chosen + i, n);
                h_rejected = h_rejected - load(ref_rejected + i, n);
            }
            const F16 x = scale * (h_chosen - h_rejected);
            const Preference<F16> p = preference(x);
            F16 term = -p.log_sigmoid, slope = -p.opposite;
            if (label_smoothing != 0) {
                // ln sigmoid(-x) = ln sigmoid(x) - x
                term = fma(smoothing, x, term);
                slope = rest * slope + smoothing * p.sigmoid;
            }
            const F16 loss = weight.times(term), gradient = weight.times(scale * slope);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dchosen != nullptr) store(dchosen + i, gradient, n);
            if (drejected != nullptr) store(drejected + i, -gradient, n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            chosen_sum.add(weight.only(scale * h_chosen));
            rejected_sum.add(weight.only(scale * h_rejected));
            elements += weight.count();
            right += weight.count(h_chosen > h_rejected);
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
