// The gradient of a log-probability and an entropy in one row of logits, with the bits of native/src/cpu/logprob_row.h:
// behind logprob_gather and the losses from logits.
#pragma once

#include "common/vec.h"

namespace gimbal::device {

struct LogprobRow {
    float lse, entropy;       // of the row; the entropy counts only if dentropy is not 0
    float dlogprob, dentropy; // 0 for a row left out
    float inverse_temperature;

    GB_DEVICE bool is_zero() const { return dlogprob == 0.0f && dentropy == 0.0f; }

    // dlogits_j = (dlogprob (1{j = target} - p_j) - dentropy p_j (log p_j + entropy)) / T for the logits of a pack;
    // `hit` is the target's place in it, or none.
    template <int N> GB_DEVICE Pack<N> backward(Pack<N> v, int64_t hit) const {
#pragma unroll
        for (int k = 0; k < N; ++k) {
            // -p (g + h (log p + H)) / T; p's shift to 0 keeps 0 (-inf) out.
            const float log_p = v[k] * inverse_temperature - lse;
            const float d = exp(log_p) * fma(-dentropy, max(log_p, -200.0f) + entropy, -dlogprob) * inverse_temperature;
            v[k] = k == hit ? d + dlogprob * inverse_temperature : d;
        }
        return v;
    }
};

} // namespace gimbal::device
