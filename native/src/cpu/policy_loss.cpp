// The token losses of GRPO's family: a surrogate of the ratio and a penalty on the distance to the reference; loss,
// gradients and statistics in one pass, one instantiation for each surrogate.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/surrogate.h"

namespace gimbal::GB_ISA {

namespace {

struct Tokens {
    const float *logprobs, *old_logprobs, *log_ratios, *ref_logprobs, *advantages, *corrections, *drifts, *weights;
    float *losses, *dlogprobs, *dlog_ratios;
    double* statistics;
    int64_t count;
};

struct Ratio {
    F16 log_value, value, logprob;
};

struct Scalars {
    RatioBounds<F16> bounds;
    Sides<F16> sides;
};

using Surrogate = SurrogateTerm<F16> (*)(const Ratio&, F16 advantage, const Scalars&);

GB_INLINE SurrogateTerm<F16> clip(const Ratio& ratio, F16 advantage, const Scalars& scalars) {
    return clip_surrogate(ratio.value, advantage, scalars.bounds);
}
GB_INLINE SurrogateTerm<F16> cispo(const Ratio& ratio, F16 advantage, const Scalars& scalars) {
    return cispo_surrogate(ratio.value, advantage, ratio.logprob, scalars.bounds);
}
GB_INLINE SurrogateTerm<F16> sapo(const Ratio& ratio, F16 advantage, const Scalars& scalars) {
    return sapo_surrogate(ratio.value, advantage, scalars.sides);
}
GB_INLINE SurrogateTerm<F16> vespo(const Ratio& ratio, F16 advantage, const Scalars& scalars) {
    return vespo_surrogate(ratio.log_value, advantage, ratio.logprob, scalars.sides);
}

GB_INLINE KlTerm<F16> kl_term(F16 d, int32_t estimator) {
    return estimator == GB_KL_K1 ? kl_k1(d) : estimator == GB_KL_K2 ? kl_k2(d) : kl_k3(d);
}

template <Surrogate surrogate>
void over_tokens(int threads, const Tokens& tokens, const gb_policy_objective& objective) {
    const Scalars scalars{{broadcast(1.0f - objective.clip_low), broadcast(1.0f + objective.clip_high),
                           broadcast(objective.delta > 0 ? objective.delta : kInfinity),
                           broadcast(objective.dual_clip > 0 ? objective.dual_clip : kInfinity)},
                          {broadcast(objective.positive), broadcast(objective.positive_rate),
                           broadcast(objective.negative), broadcast(objective.negative_rate)}};
    const F16 beta = broadcast(objective.beta), threshold = broadcast(-objective.off_policy_threshold);
    sum_pieces<9>(
        threads, tokens.count, kElementGrain, tokens.statistics, [&](int64_t begin, int64_t end, double(&sums)[9]) {
            D16 loss_sum, weight_sum, k1_sum, k3_sum, ratio_sum, ref_kl_sum;
            int64_t present = 0, low = 0, high = 0;
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const Weights weight = load_weights(tokens.weights, i, n);
                const F16 logprob = load(tokens.logprobs + i, n), advantage = load(tokens.advantages + i, n);
                const F16 log_ratio = tokens.log_ratios != nullptr ? load(tokens.log_ratios + i, n)
                                                                   : logprob - load(tokens.old_logprobs + i, n);
                const F16 ratio = exp(log_ratio);
                SurrogateTerm<F16> term = surrogate({log_ratio, ratio, logprob}, advantage, scalars);
                if (tokens.drifts != nullptr) {
                    const M16 off = (advantage < zero()) & (load(tokens.drifts + i, n) < threshold);
                    term.loss = select(off, zero(), term.loss);
                    term.through_ratio = select(off, zero(), term.through_ratio);
                    term.direct = select(off, zero(), term.direct);
                }
                if (tokens.corrections != nullptr) {
                    const F16 correction = load(tokens.corrections + i, n);
                    const M16 dropped = correction == zero(); // even where the loss is not finite
                    term.loss = select(dropped, zero(), correction * term.loss);
                    term.through_ratio = select(dropped, zero(), correction * term.through_ratio);
                    term.direct = select(dropped, zero(), correction * term.direct);
                }
                if (tokens.ref_logprobs != nullptr) {
                    const KlTerm<F16> kl = kl_term(logprob - load(tokens.ref_logprobs + i, n), objective.kl_estimator);
                    const F16 share = objective.correct_kl != 0 ? ratio : broadcast(1.0f);
                    ref_kl_sum.add(weight.only(share * kl.value));
                    if (objective.beta != 0) {
                        term.loss = fma(beta, share * kl.value, term.loss);
                        term.direct = fma(beta, share * kl.slope, term.direct);
                        if (objective.correct_kl != 0)
                            term.through_ratio = fma(beta, share * kl.value, term.through_ratio);
                    }
                }
                const F16 loss = weight.times(term.loss);
                if (tokens.losses != nullptr) store(tokens.losses + i, loss, n);
                if (tokens.dlog_ratios != nullptr) {
                    store(tokens.dlog_ratios + i, weight.times(term.through_ratio), n);
                    if (tokens.dlogprobs != nullptr) store(tokens.dlogprobs + i, weight.times(term.direct), n);
                } else if (tokens.dlogprobs != nullptr) {
                    store(tokens.dlogprobs + i, weight.times(term.through_ratio + term.direct), n);
                }
                loss_sum.add(loss);
                weight_sum.add(weight.value);
                k1_sum.add(weight.only(-log_ratio));
                k3_sum.add(weight.only(exp_excess(log_ratio, ratio)));
                ratio_sum.add(weight.only(ratio));
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
    static constexpr decltype(&over_tokens<&clip>) kSurrogates[] = {over_tokens<&clip>, over_tokens<&cispo>,
                                                                    over_tokens<&sapo>, over_tokens<&vespo>};
    kSurrogates[objective->surrogate](cpu.threads,
                                      {logprobs, old_logprobs, log_ratios, ref_logprobs, advantages, corrections,
                                       drifts, weights, losses, dlogprobs, dlog_ratios, statistics, count},
                                      *objective);
}

} // namespace gimbal::GB_ISA
