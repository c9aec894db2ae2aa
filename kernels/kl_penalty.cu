// kl_penalty: k1 = d, k2 = d^2 / 2 or k3 = exp(-d) - 1 + d of d = logprob - ref, clipped to -clamp..clamp, and the
// derivative.
// All (count) float32, dlogprobs nullable. Grid-stride over packs of four. Bound: 16 bytes an element (12 without the
// derivative). Each element is computed by itself: no order to keep.
#include "kl_penalty.h"

#include "common/vec.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kKlPenaltyThreads) kl_penalty_kernel(KlPenaltyArguments a) {
    const float limit = a.clamp > 0.0f ? a.clamp : kInfinity;
    const bool aligned = aligned4(a.logprobs) && aligned4(a.ref_logprobs) && aligned4(a.kl) && aligned4(a.dlogprobs);
    for_packs(a.count, aligned, [&](int64_t i, auto width) {
        const auto logprobs = load(a.logprobs + i, width), reference = load(a.ref_logprobs + i, width);
        auto kl = logprobs, slopes = logprobs;
#pragma unroll
        for (int j = 0; j < width.value; ++j) {
            const float d = logprobs[j] - reference[j];
            float value = d, slope = 1.0f;
            if (a.estimator == 2) {
                value = 0.5f * d * d;
                slope = d;
            } else if (a.estimator == 3) {
                value = exp_excess(-d);
                slope = d - value; // 1 - e^-d
            }
            const bool beyond = abs(value) > limit;
            kl[j] = beyond ? copysign(limit, value) : value;
            slopes[j] = beyond ? 0.0f : slope;
        }
        store(a.kl + i, kl, width);
        if (a.dlogprobs != nullptr) store(a.dlogprobs + i, slopes, width);
    });
}
