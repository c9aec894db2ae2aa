// The negative log-likelihood of given log-probabilities, and its reweighting by the probability itself.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/math.h"

namespace gimbal::GB_ISA {

void cpu_nll_loss(Cpu& cpu, const float* logprobs, const float* weights, float* losses, float* dlogprobs,
                  double* statistics, int64_t count, float power) {
    const F16 exponent = broadcast(power);
    sum_pieces<3>(cpu.threads, count, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[3]) {
        D16 loss_sum, weight_sum;
        int64_t elements = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            const F16 logprob = load(logprobs + i, n);
            const F16 slope = power == 0 ? broadcast(-1.0f) : -exp(exponent * logprob);
            const F16 loss = weight.times(slope * logprob);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dlogprobs != nullptr) store(dlogprobs + i, weight.times(slope), n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            elements += weight.count();
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(elements);
    });
}

} // namespace gimbal::GB_ISA
