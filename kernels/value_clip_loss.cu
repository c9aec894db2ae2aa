// value_clip_loss: l = 0.5 max((v - R)^2, (clip(v, old - clip, old + clip) - R)^2), its gradient and its statistics.
// All (count) float32; statistics (4) double. One pass, a block of threads to a block of statistics. Bound: 24 bytes an
// element (20 without weights). Order: common/cut.h, the CPU's bits.
#include "value_clip_loss.h"

#include "common/statistics.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) value_clip_loss_kernel(ValueClipLossArguments a) {
    const bool clipping = a.clip_range > 0.0f;
    const bool aligned = all_aligned4(a.values, a.old_values, a.returns, a.weights, a.losses, a.dvalues);
    for_elements<kValueClipLossStatistics, 0b1100u>(
        a.count, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f), values = load(a.values + i, width);
            const auto targets = load(a.returns + i, width),
                       old = load_or(clipping ? a.old_values : nullptr, i, width, 0.0f);
            auto losses = weights, gradients = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float error = values[j] - targets[j];
                const float low = old[j] - a.clip_range, high = old[j] + a.clip_range;
                const float bounded = values[j] < low ? low : values[j] > high ? high : values[j];
                const float clipped = bounded - targets[j];
                const bool clips = clipping && error * error < clipped * clipped;
                const float kept = clips ? clipped : error;
                losses[j] = weight.times(0.5f * kept * kept);
                gradients[j] = weight.times(clips ? 0.0f : error);
                contribution.set(j, losses[j], weight.value, weight.present(), weight.has(clips));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dvalues, i, gradients, width);
        });
}
