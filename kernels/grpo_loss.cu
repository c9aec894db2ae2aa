// grpo_loss: the clipped objective (policy_term of common/policy_gradient.h) + beta k3 to the reference, its gradient
// and its statistics. All (count) float32; statistics (9) double. One pass, a block of threads to a block of
// statistics. Bound: 28 bytes an element, 4 less without weights, 4 less without a reference. Order: common/cut.h, the
// CPU's bits.
#include "grpo_loss.h"

#include "common/statistics.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) grpo_loss_kernel(GrpoLossArguments a) {
    const RatioBounds<float> bounds{1.0f - a.clip_low, 1.0f + a.clip_high, a.delta > 0.0f ? a.delta : kInfinity,
                                    kInfinity};
    const bool aligned =
        all_aligned4(a.logprobs, a.old_logprobs, a.ref_logprobs, a.advantages, a.weights, a.losses, a.dlogprobs);
    for_elements<kGrpoLossStatistics, 0b000011100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), logprobs = load(a.logprobs + i, width);
            const auto old = load(a.old_logprobs + i, width), advantages = load(a.advantages + i, width);
            const auto reference = load_or(a.ref_logprobs, i, width, 0.0f);
            auto losses = weights, gradients = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float log_ratio = logprobs[j] - old[j], ratio = exp(log_ratio);
                PolicyTerm<float> term = policy_term(ratio, advantages[j], bounds);
                float ref_k3 = 0.0f;
                if (a.ref_logprobs != nullptr) {
                    const float d = reference[j] - logprobs[j];
                    ref_k3 = exp_excess(d);
                    if (a.beta != 0.0f) {
                        // dk3/dlogprob = 1 - e^d = -(k3 + d)
                        term.loss = fma(a.beta, ref_k3, term.loss);
                        term.gradient = fma(-a.beta, ref_k3 + d, term.gradient);
                    }
                }
                losses[j] = weight.times(term.loss);
                gradients[j] = weight.times(term.gradient);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(term.clipped_low),
                                 weight.has(term.clipped_high), weight.only(-log_ratio),
                                 weight.only(exp_excess(log_ratio)), weight.only(ratio), weight.only(ref_k3));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dlogprobs, i, gradients, width);
        });
}
