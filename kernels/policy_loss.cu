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
    for_elements<kPolicyLossStatistics, 0b000011100u, 1>(
        a.count, false, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const Weight weight{load_or(a.weights, i, width, 1.0f)[0]};
            const float logprob = a.logprobs[i], advantage = a.advantages[i];
            const float log_ratio = a.log_ratios != nullptr ? a.log_ratios[i] : logprob - a.old_logprobs[i];
            const PolicyToken<float> token{logprob, log_ratio, exp(log_ratio), advantage};
            SurrogateTerm<float> term = Surrogate::term(token, numbers);
            if (a.drifts != nullptr) drop(term, advantage < 0.0f && a.drifts[i] < numbers.least_drift);
            if (a.corrections != nullptr) correct(term, a.corrections[i]);
            const float ref_kl = a.ref_logprobs != nullptr ? penalise(term, token, a.ref_logprobs[i], numbers) : 0.0f;
            const float loss = weight.times(term.loss);
            const float direct = a.dlog_ratios != nullptr ? term.direct : term.through_ratio + term.direct;
            if (a.losses != nullptr) a.losses[i] = loss;
            if (a.dlogprobs != nullptr) a.dlogprobs[i] = weight.times(direct);
            if (a.dlog_ratios != nullptr) a.dlog_ratios[i] = weight.times(term.through_ratio);
            contribution.set(0, loss, weight.value, weight.present(), weight.has(term.clipped_low),
                             weight.has(term.clipped_high), weight.only(-log_ratio),
                             weight.only(exp_excess(log_ratio, token.ratio)), weight.only(token.ratio),
                             weight.only(ref_kl));
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
