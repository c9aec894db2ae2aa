// Splits of attention that several blocks have gathered become the result of a row: the merge of attention/forward.h.
#pragma once

#include "attention/sequences.h"

namespace gimbal::device {

// A warp to a row.
template <class T> GB_DEVICE void merge_splits(const AttentionArguments& a) {
    const int64_t rows = a.sequences.tokens * a.sizes.q_heads, head_dim = a.sizes.head_dim;
    const int64_t r = grid_thread() / 32, lane = threadIdx.x & 31, token = r / a.sizes.q_heads;
    if (r >= rows) return;
    const Sequence sequence(a.sequences, sequence_of(a.sequences, Tokens{}, token));
    if (!sequence.is_sound(a.sequences)) return;
    const int64_t splits = (sequence.keys - sequence.queries + token - sequence.token) / kAttentionSplit + 1;
    T* y = static_cast<T*>(a.y) + token * a.sizes.y_stride + r % a.sizes.q_heads * head_dim;
    for (int64_t d = lane; d < head_dim; d += 32) {
        float maximum = a.partials.maxima[r], weight = a.partials.weights[r], sum = a.partials.sums[r * head_dim + d];
        for (int64_t s = 1; s < splits; ++s) {
            const int64_t at = s * rows + r;
            const float part = a.partials.maxima[at], highest = maximum > part ? maximum : part;
            const float scale = exp(maximum - highest), scale_part = exp(part - highest);
            sum = fma(sum, scale, a.partials.sums[at * head_dim + d] * scale_part);
            weight = fma(weight, scale, a.partials.weights[at] * scale_part);
            maximum = highest;
        }
        store(y + d, sum * (1.0f / weight));
        if (d == 0 && a.lse != nullptr) a.lse[r] = maximum + log(weight);
    }
}

} // namespace gimbal::device
