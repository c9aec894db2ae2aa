// The token losses of GRPO's family: a surrogate of the ratio and a penalty on the distance to the reference; loss,
// gradients and statistics in one pass, one instantiation for each surrogate.
#include "cpu/cpu.h"
#include "cpu/policy_tokens.h"

namespace gimbal::GB_ISA {

namespace {

struct Outputs {
    float *losses, *dlogprobs, *dlog_ratios;
    double* statistics;
};

template <class Surrogate>
void over_tokens(int threads, const PolicyTokens& tokens, const Outputs& out, int64_t count,
                 const gb_policy_objective& objective) {
    const auto numbers = policy_numbers<F16>(objective);
    sum_pieces<9>(threads, count, kElementGrain, out.statistics, [&](int64_t begin, int64_t end, double(&sums)[9]) {
        D16 loss_sum, weight_sum, k1_sum, k3_sum, ratio_sum, ref_kl_sum;
        int64_t present = 0, low = 0, high = 0;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const auto [weight, token, term, ref_kl] = policy_token_loss<Surrogate>(tokens, numbers, i, n);
            const F16 loss = weight.times(term.loss);
            if (out.losses != nullptr) store(out.losses + i, loss, n);
            if (out.dlog_ratios != nullptr) {
                store(out.dlog_ratios + i, weight.times(term.through_ratio), n);
                if (out.dlogprobs != nullptr) store(out.dlogprobs + i, weight.times(term.direct), n);
            } else if (out.dlogprobs != nullptr) {
                store(out.dlogprobs + i, weight.times(term.through_ratio + term.direct), n);
            }
            loss_sum.add(loss);
            weight_sum.add(weight.value);
            k1_sum.add(weight.only(-token.log_ratio));
            k3_sum.add(weight.only(exp_excess(token.log_ratio, token.ratio)));
            ratio_sum.add(weight.only(token.ratio));
            ref_kl_sum.add(weight.only(ref_kl));
            present += weight.count();
            low += weight.count(term.clipped_low);
            high += weight.count(term.clipped_high);
        });
        sums[0] = reduce_add(loss_sum);
        sums[1] = reduce_add(weight_sum);
        sums[2] = static_cast<double>(present);
        sums[3] = static_cast<double>(low);
        sums[4] = static_cast<double>(high);
        sums[5] = reduce_add(k1_sum);
        sums[6] = reduce_add(k3_sum);
        sums[7] = reduce_add(ratio_sum);
        sums[8] = reduce_add(ref_kl_sum);
    });
}

} // namespace

void cpu_policy_loss(Cpu& cpu, const float* logprobs, const float* old_logprobs, const float* log_ratios,
                     const float* ref_logprobs, const float* advantages, const float* corrections, const float* drifts,
                     const float* weights, float* losses, float* dlogprobs, float* dlog_ratios, double* statistics,
                     int64_t count, const gb_policy_objective* objective) {
    // In the order of GB_SURROGATE_*.
    static constexpr decltype(&over_tokens<ClipSurrogate>) kSurrogates[] = {
        over_tokens<ClipSurrogate>, over_tokens<CispoSurrogate>, over_tokens<SapoSurrogate>,
        over_tokens<VespoSurrogate>};
    kSurrogates[objective->surrogate](
        cpu.threads, {logprobs, old_logprobs, log_ratios, ref_logprobs, advantages, corrections, drifts, weights},
        {losses, dlogprobs, dlog_ratios, statistics}, count, *objective);
}

} // namespace gimbal::GB_ISA
