// nll_loss: l = -p^power log p, p^power held, its gradient and its statistics.
// All (count) float32; statistics (3) double. One pass, a block of threads to a block of statistics. Bound: 16 bytes an
// element (12 without weights). Order: common/cut.h, the CPU's bits.
#include "nll_loss.h"

#include "common/statistics.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) nll_loss_kernel(NllLossArguments a) {
    const bool aligned = all_aligned4(a.logprobs, a.weights, a.losses, a.dlogprobs);
    for_elements<kNllLossStatistics, 0b100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), logprobs = load(a.logprobs + i, width);
            auto losses = weights, gradients = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float slope = a.power == 0.0f ? -1.0f : -exp(a.power * logprobs[j]);
                losses[j] = weight.times(slope * logprobs[j]);
                gradients[j] = weight.times(slope);
                contribution.set(j, losses[j], weight.value, weight.present());
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dlogprobs, i, gradients, width);
        });
}
