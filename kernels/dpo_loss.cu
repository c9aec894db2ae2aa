// dpo_loss: l = -(1 - s) log sigmoid(beta Z) - s log sigmoid(-beta Z), Z = h_chosen - h_rejected, h = logprob - ref,
// both gradients and the statistics; preference (common/policy_gradient.h) gives the sigmoids. All (pairs) float32;
// statistics (6) double. One pass, a block of threads to a block of statistics. Bound: 32 bytes a pair. Order:
// common/cut.h, the CPU's bits.
#include "dpo_loss.h"

#include "common/statistics.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) dpo_loss_kernel(DpoLossArguments a) {
    const float rest = 1.0f - a.label_smoothing;
    const bool aligned =
        all_aligned4(a.chosen, a.rejected, a.ref_chosen, a.ref_rejected, a.weights, a.losses, a.dchosen, a.drejected);
    for_elements<kDpoLossStatistics, 0b100100u>(
        a.pairs, aligned, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const auto weights = load_or(a.weights, i, width, 1.0f);
            const auto chosen = load(a.chosen + i, width), rejected = load(a.rejected + i, width);
            // x - 0 is x, NaN and the sign of 0 included.
            const auto ref_chosen = load_or(a.ref_chosen, i, width, 0.0f),
                       ref_rejected = load_or(a.ref_rejected, i, width, 0.0f);
            auto losses = weights, up = weights, down = weights;
#pragma unroll
            for (int j = 0; j < width.value; ++j) {
                const Weight weight{weights[j]};
                const float h_chosen = chosen[j] - ref_chosen[j], h_rejected = rejected[j] - ref_rejected[j];
                const float x = a.beta * (h_chosen - h_rejected);
                const Preference<float> p = preference(x);
                float term = -p.log_sigmoid, slope = -p.opposite;
                if (a.label_smoothing != 0.0f) {
                    // ln sigmoid(-x) = ln sigmoid(x) - x
                    term = fma(a.label_smoothing, x, term);
                    slope = rest * slope + a.label_smoothing * p.sigmoid;
                }
                losses[j] = weight.times(term);
                up[j] = weight.times(a.beta * slope);
                down[j] = -up[j];
                contribution.set(j, losses[j], weight.value, weight.present(), weight.only(a.beta * h_chosen),
                                 weight.only(a.beta * h_rejected), weight.has(h_chosen > h_rejected));
            }
            store_if(a.losses, i, losses, width);
            store_if(a.dchosen, i, up, width);
            store_if(a.drejected, i, down, width);
        });
}
