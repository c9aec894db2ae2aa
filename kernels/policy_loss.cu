// policy_loss: a surrogate of the ratio (common/surrogate.h) + beta kl to the reference, the gradients and the
// statistics. All (count) float32; statistics (9) double. One kernel for each surrogate, one pass, a block of threads
// to a block of statistics. Bound: 4 bytes an element for every array that is there. Order: common/cut.h, the CPU's
// bits.
#include "policy_loss.h"

#include "common/statistics.h"

#include "common/surrogate.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

struct Scalars {
    RatioBounds<float> bounds;
    Sides<float> sides;
};

GB_DEVICE Scalars scalars_of(const PolicyLossArguments& a) {
    return {{1.0f - a.clip_low, 1.0f + a.clip_high, a.delta > 0.0f ? a.delta : kInfinity,
             a.dual_clip > 0.0f ? a.dual_clip : kInfinity},
            {a.positive, a.positive_rate, a.negative, a.negative_rate}};
}

GB_DEVICE KlTerm<float> kl_term(float d, int32_t estimator) {
    return estimator == 1 ? kl_k1(d) : estimator == 2 ? kl_k2(d) : kl_k3(d);
}

// surrogate(ratio, log ratio, logprob, advantage)
template <class Surrogate> GB_DEVICE void policy_loss(const PolicyLossArguments& a, Surrogate surrogate) {
    const bool aligned = all_aligned4(a.logprobs, a.old_logprobs, a.log_ratios, a.ref_logprobs, a.advantages,
                                      a.corrections, a.drifts, a.weights, a.losses, a.dlogprobs, a.dlog_ratios);
    for_elements<kPolicyLossStatistics, 0b000011100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), logprobs = load(a.logprobs + i, width);
            const auto advantages = load(a.advantages + i, width);
            auto log_ratios = load(a.log_ratios != nullptr ? a.log_ratios + i : a.old_logprobs + i, width);
            const auto reference = load_or(a.ref_logprobs, i, width, 0.0f);
            const auto corrections = load_or(a.corrections, i, width, 1.0f);
            const auto drifts = load_or(a.drifts, i, width, 0.0f);
            auto losses = weights, direct = weights, through_ratio = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float log_ratio = a.log_ratios != nullptr ? log_ratios[j] : logprobs[j] - log_ratios[j];
                const float ratio = exp(log_ratio);
                SurrogateTerm<float> term = surrogate(ratio, log_ratio, logprobs[j], advantages[j]);
                const bool off = a.drifts != nullptr && advantages[j] < 0.0f && drifts[j] < -a.off_policy_threshold;
                if (off) term.loss = term.through_ratio = term.direct = 0.0f;
                if (a.corrections != nullptr) {
                    const bool dropped = corrections[j] == 0.0f; // even where the loss is not finite
                    term.loss = dropped ? 0.0f : corrections[j] * term.loss;
                    term.through_ratio = dropped ? 0.0f : corrections[j] * term.through_ratio;
                    term.direct = dropped ? 0.0f : corrections[j] * term.direct;
                }
                float ref_kl = 0.0f;
                if (a.ref_logprobs != nullptr) {
                    const KlTerm<float> kl = kl_term(logprobs[j] - reference[j], a.kl_estimator);
                    const float share = a.correct_kl ? ratio : 1.0f;
                    ref_kl = share * kl.value;
                    if (a.beta != 0.0f) {
                        term.loss = fma(a.beta, ref_kl, term.loss);
                        term.direct = fma(a.beta, share * kl.slope, term.direct);
                        if (a.correct_kl) term.through_ratio = fma(a.beta, ref_kl, term.through_ratio);
                    }
                }
                losses[j] = weight.times(term.loss);
                through_ratio[j] = weight.times(term.through_ratio);
                direct[j] = weight.times(a.dlog_ratios != nullptr ? term.direct : term.through_ratio + term.direct);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(term.clipped_low),
                                 weight.has(term.clipped_high), weight.only(-log_ratio),
                                 weight.only(exp_excess(log_ratio)), weight.only(ratio), weight.only(ref_kl));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dlogprobs, i, direct, width);
            store_if(a.dlog_ratios, i, through_ratio, width);
        });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_clip(PolicyLossArguments a) {
    const Scalars s = scalars_of(a);
    policy_loss(a,
                [&](float ratio, float, float, float advantage) { return clip_surrogate(ratio, advantage, s.bounds); });
}

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_cispo(PolicyLossArguments a) {
    const Scalars s = scalars_of(a);
    policy_loss(a, [&](float ratio, float, float logprob, float advantage) {
        return cispo_surrogate(ratio, advantage, logprob, s.bounds);
    });
}

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_sapo(PolicyLossArguments a) {
    const Scalars s = scalars_of(a);
    policy_loss(a,
                [&](float ratio, float, float, float advantage) { return sapo_surrogate(ratio, advantage, s.sides); });
}

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_vespo(PolicyLossArguments a) {
    const Scalars s = scalars_of(a);
    policy_loss(a, [&](float, float log_ratio, float logprob, float advantage) {
        return vespo_surrogate(log_ratio, advantage, logprob, s.sides);
    });
}
