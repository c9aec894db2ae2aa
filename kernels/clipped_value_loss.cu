// clipped_value_loss: l = 0.5 (clip(v, old - clip, old + clip) - R)^2, its gradient and its statistics.
// All (count) float32; statistics (4) double. One pass, a block of threads to a block of statistics. Bound: 24 bytes an
// element (20 without weights). Order: common/cut.h, the CPU's bits.
#include "clipped_value_loss.h"

#include "common/statistics.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads)
    clipped_value_loss_kernel(ClippedValueLossArguments a) {
    const bool aligned = all_aligned4(a.values, a.old_values, a.returns, a.weights, a.losses, a.dvalues);
    for_elements<kClippedValueLossStatistics, 0b1100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), values = load(a.values + i, width);
            const auto old = load(a.old_values + i, width), targets = load(a.returns + i, width);
            auto losses = weights, gradients = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float low = old[j] - a.clip_range, high = old[j] + a.clip_range;
                const bool below = values[j]<low, above = values[j]> high;
                const float error = (below ? low : above ? high : values[j]) - targets[j];
                losses[j] = weight.times(0.5f * error * error);
                gradients[j] = weight.times(below || above ? 0.0f : error);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(below || above));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dvalues, i, gradients, width);
        });
}
