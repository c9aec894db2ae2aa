// policy_loss: a surrogate of the ratio (common/surrogate.h) + beta kl to the reference, the gradients and the
// statistics. All (count) float32; statistics (9) double. One kernel for each surrogate, one pass, a block of threads
// to a block of statistics. Bound: 4 bytes an element for every array that is there. Order: common/cut.h, the CPU's
// bits.
#include "policy_loss.h"

#include "common/statistics.h"

#include "common/policy_token.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class Surrogate> GB_DEVICE void policy_loss(const PolicyLossArguments& a) {
    const auto numbers = policy_numbers<float>(a.objective);
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
                const PolicyToken<float> token{logprobs[j], log_ratio, exp(log_ratio), advantages[j]};
                SurrogateTerm<float> term = Surrogate::term(token, numbers);
                if (a.drifts != nullptr) drop(term, advantages[j] < 0.0f && drifts[j] < numbers.least_drift);
                if (a.corrections != nullptr) correct(term, corrections[j]);
                const float ref_kl = a.ref_logprobs != nullptr ? penalise(term, token, reference[j], numbers) : 0.0f;
                losses[j] = weight.times(term.loss);
                through_ratio[j] = weight.times(term.through_ratio);
                direct[j] = weight.times(a.dlog_ratios != nullptr ? term.direct : term.through_ratio + term.direct);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(term.clipped_low),
                                 weight.has(term.clipped_high), weight.only(-log_ratio),
                                 weight.only(exp_excess(log_ratio, token.ratio)), weight.only(token.ratio),
                                 weight.only(ref_kl));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dlogprobs, i, direct, width);
            store_if(a.dlog_ratios, i, through_ratio, width);
        });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_clip(PolicyLossArguments a) {
    policy_loss<ClipSurrogate>(a);
}
extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_cispo(PolicyLossArguments a) {
    policy_loss<CispoSurrogate>(a);
}
extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_sapo(PolicyLossArguments a) {
    policy_loss<SapoSurrogate>(a);
}
extern "C" __global__ void __launch_bounds__(kStatisticsThreads) policy_loss_kernel_vespo(PolicyLossArguments a) {
    policy_loss<VespoSurrogate>(a);
}
