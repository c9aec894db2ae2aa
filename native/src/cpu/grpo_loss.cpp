// GRPO's token loss: the clipped objective and k3 to the reference; loss, gradient and statistics in one pass.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

void cpu_grpo_loss(Cpu& cpu, const float* logprobs, const float* old_logprobs, const float* ref_logprobs,
                   const float* advantages, const float* weights, float* losses, float* dlogprobs, double* statistics,
                   int64_t count, float clip_low, float clip_high, float delta, float beta) {
    const RatioBounds<F16> bounds{broadcast(1.0f - clip_low), broadcast(1.0f + clip_high),
                                  broadcast(delta > 0 ? delta : kInfinity), broadcast(kInfinity)};
    sum_pieces<9>(cpu.threads, count, kElementGrain, statistics, [&](int64_t begin, int64_t end, double(&sums)[9]) {
        D16 loss_sum, weight_sum, k1_sum, k3_sum, ratio_sum, ref_k3_sum;
        int64_t tokens = 0, low = 0, high = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const Weights weight = load_weights(weights, i, n);
            const F16 logprob = load(logprobs + i, n);
            const F16 log_ratio = logprob - load(old_logprobs + i, n);
            const F16 ratio = exp(log_ratio);
            PolicyTerm<F16> term = policy_term(ratio, load(advantages + i, n), bounds);
            if (ref_logprobs != nullptr) {
                const F16 d = load(ref_logprobs + i, n) - logprob;
                const F16 k3 = exp_excess(d);
                ref_k3_sum.add(weight.only(k3));
                if (beta != 0) {
                    // dk3/dlogprob = 1 - e^d = -(k3 + d)
                    term.loss = fma(broadcast(beta), k3, term.loss);
                    term.gradient = fma(broadcast(-beta), k3 + d, term.gradient);
                }
            }
            const F16 loss = weight.times(term.loss);
            if (losses != nullptr) store(losses + i, loss, n);
            if (dlogprobs != nullptr) store(dlogprobs + i, weight.times(term.gradient), n);
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            k1_sum.add(weight.only(-log_ratio));
            k3_sum.add(weight.only(exp_excess(log_ratio, ratio)));
            ratio_sum.add(weight.only(ratio));
            tokens += weight.count();
            low += weight.count(term.clipped_low);
            high += weight.count(term.clipped_high);
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(tokens);
        sums[3] = static_cast<double>(low);
        sums[4] = static_cast<double>(high);
        sums[5] = reduce_add(k1_sum);
        sums[6] = reduce_add(k3_sum);
        sums[7] = reduce_add(ratio_sum);
        sums[8] = reduce_add(ref_k3_sum);
    });
}

} // namespace gimbal::GB_ISA
