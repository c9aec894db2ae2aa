// reward_loss: l = -log sigmoid(chosen - rejected - margin) + center (chosen + rejected)^2, both gradients and the
// statistics; preference (common/policy_gradient.h) gives the sigmoid.
// All (pairs) float32; statistics (6) double. One pass, a block of threads to a block of statistics. Bound: 28 bytes a
// pair. Order: common/cut.h, the CPU's bits.
#include "reward_loss.h"

#include "common/statistics.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) reward_loss_kernel(RewardLossArguments a) {
    const float twice = 2.0f * a.center;
    const bool aligned = all_aligned4(a.chosen, a.rejected, a.margins, a.weights, a.losses, a.dchosen, a.drejected);
    for_elements<kRewardLossStatistics, 0b100100u>(
        a.pairs, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), margins = load_or(a.margins, i, width, 0.0f);
            const auto better = load(a.chosen + i, width), worse = load(a.rejected + i, width);
            auto losses = weights, dchosen = weights, drejected = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float sum = better[j] + worse[j];
                const Preference<float> p = preference((better[j] - worse[j]) - margins[j]);
                float term = -p.log_sigmoid, up = -p.opposite, down = p.opposite;
                if (a.center != 0.0f) {
                    term = fma(a.center * sum, sum, term);
                    up = fma(twice, sum, up);
                    down = fma(twice, sum, down);
                }
                losses[j] = weight.times(term);
                dchosen[j] = weight.times(up);
                drejected[j] = weight.times(down);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.only(better[j]),
                                 weight.only(worse[j]), weight.has(better[j] > worse[j]));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dchosen, i, dchosen, width);
            store_if(a.drejected, i, drejected, width);
        });
}
