// unpaired_loss: KTO and BCO over labelled samples (common/preference.h), the gradient and the statistics.
// logprobs, ref_logprobs, weights, losses, dlogprobs (count) float32, desirable uint8; statistics (6) double. One pass,
// a block of threads to a block of statistics. Bound: 21 bytes a sample. Order: common/cut.h, the CPU's bits.
#include "unpaired_loss.h"

#include "common/statistics.h"

#include "common/preference.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) unpaired_loss_kernel(UnpairedLossArguments a) {
    for_elements<kUnpairedLossStatistics, 0b100100u, 1>(
        a.count, false, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const Weight weight{load_or(a.weights, i, width, 1.0f)[0]};
            const bool positive = a.desirable[i] != 0;
            const float sign = positive ? 1.0f : -1.0f;
            const float reward = a.beta * (a.logprobs[i] - load_or(a.ref_logprobs, i, width, 0.0f)[0]);
            const float x = sign * (reward - a.shift);
            const SampleTerm<float> term = a.kto ? kto_sample(x) : bco_sample(x);
            const float loss = weight.times(term.loss);
            if (a.losses != nullptr) a.losses[i] = loss;
            if (a.dlogprobs != nullptr) a.dlogprobs[i] = weight.times(a.beta * (sign * term.slope));
            contribution.set(0, loss, weight.value, weight.present(), weight.only(positive ? reward : 0.0f),
                             weight.only(positive ? 0.0f : reward), weight.has(positive));
        });
}
