// The gradient of a log-probability and an entropy in one row of logits: behind logprob_gather and the losses from
// logits.
#pragma once

#include "cpu/log_sum_exp.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

struct LogprobRow {
    int64_t target;     // -1: left out
    float lse, entropy; // of the row; the entropy is not read if dentropy is 0
    float dlogprob, dentropy;
};

// dz_j = (dlogprob (1{j = target} - p_j) - dentropy p_j (log p_j + entropy)) / T; dz may be z.
template <class T>
GB_INLINE void logprob_row_backward(const T* z, T* dz, int64_t vocabulary, const LogprobRow& row,
                                    float inverse_temperature) {
    const float g = row.target >= 0 ? row.dlogprob : 0.0f, h = row.target >= 0 ? row.dentropy : 0.0f;
    if (g == 0.0f && h == 0.0f) return clear_elements(dz, vocabulary);
    // -p (g + h (log p + H)) / T; p's shift to 0 keeps 0 (-inf) out.
    const F16 scale = broadcast(inverse_temperature), lse = broadcast(row.lse);
    const F16 minus_g = broadcast(-g), minus_h = broadcast(-h), entropy = broadcast(h == 0.0f ? 0.0f : row.entropy);
    const auto gradient = [&](F16 scaled) {
        const F16 log_p = scaled - lse;
        const F16 bounded = max(log_p, broadcast(-200.0f));
        return exp(log_p) * fma(minus_h, bounded + entropy, minus_g) * scale;
    };
    const float of_target = first_lane(gradient(broadcast(load1(z + row.target)) * scale));
    for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, gradient(load_scaled(z + j, scale, n)), n); });
    store1(dz + row.target, of_target + g * inverse_temperature);
}

} // namespace gimbal::GB_ISA
