// ppo_clip_loss: l = max(-A ratio, -A clip(ratio, 1 - clip_low, 1 + clip_high)), ratio = exp(logprob - old), its
// gradient and its statistics; policy_term (common/policy_gradient.h) is the formula. All (count) float32; statistics
// (8) double. One pass, a block of threads to a block of statistics. Bound: 24 bytes an element (20 without weights).
// Order: common/cut.h, the CPU's bits.
#include "ppo_clip_loss.h"

#include "common/statistics.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) ppo_clip_loss_kernel(PpoClipLossArguments a) {
    const RatioBounds<float> bounds{1.0f - a.clip_low, 1.0f + a.clip_high, kInfinity,
                                    a.dual_clip > 0.0f ? a.dual_clip : kInfinity};
    const bool aligned = all_aligned4(a.logprobs, a.old_logprobs, a.advantages, a.weights, a.losses, a.dlogprobs);
    for_elements<kPpoClipLossStatistics, 0b00011100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), logprobs = load(a.logprobs + i, width);
            const auto old = load(a.old_logprobs + i, width), advantages = load(a.advantages + i, width);
            auto losses = weights, gradients = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float log_ratio = logprobs[j] - old[j], ratio = exp(log_ratio);
                const PolicyTerm<float> term = policy_term(ratio, advantages[j], bounds);
                losses[j] = weight.times(term.loss);
                gradients[j] = weight.times(term.gradient);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(term.clipped_low),
                                 weight.has(term.clipped_high), weight.only(-log_ratio),
                                 weight.only(exp_excess(log_ratio)), weight.only(ratio));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dlogprobs, i, gradients, width);
        });
}
