// Top-k, top-p and min-p without sorting: thresholds are found by selection over the bits of the floats, three passes
// over the row at most. Semantics of Hugging Face's processors, ties included.
#pragma once

#include "cpu/log_sum_exp.h"

#include "common/selection.h"

#include <bit>
#include <cstdint>

namespace gimbal::GB_ISA {

GB_INLINE uint32_t ordered_key(float z) {
    return ordered_key_of_bits(std::bit_cast<uint32_t>(z + 0.0f));
}
GB_INLINE float from_ordered_key(uint32_t key) {
    return std::bit_cast<float>(bits_of_ordered_key(key));
}

// One row under the sampler: z_j = logits_j / T and p_j = exp(z_j - max), 0 once a filter took the token away.
struct SampledRow {
    const float* logits;
    float inverse_temperature;
    int64_t vocabulary;
    float* p;

    GB_INLINE float z(int64_t j) const { return logits[j] * inverse_temperature; }

    // p = 0 wherever drop(z, p) holds.
    template <class Drop> void filter(Drop&& drop) const {
        const F16 scale = broadcast(inverse_temperature);
        for_lanes(0, vocabulary, [&](int64_t j, auto n) {
            const F16 left = load(p + j, n);
            store(p + j, select(drop(load_scaled(logits + j, scale, n), left), zero(), left), n);
        });
    }
};

struct Selected {
    float z;        // the element's value
    uint64_t below; // mass of all smaller values
};

// With the row's elements in ascending order of z, the first at which the running sum of mass(j) exceeds `limit`; the
// largest if the limit is out of reach. Each digit of the key by the histogram of the elements that share the digits
// before it.
template <class Mass> Selected select_by_mass(const SampledRow& row, uint64_t limit, Mass&& mass) {
    uint32_t prefix = 0, known = 0;
    uint64_t below = 0;
    for (int digit = 0; digit < kDigits; ++digit) {
        const int shift = digit_shift(digit);
        const uint32_t size = digit_size(digit);
        uint64_t histogram[kBuckets] = {};
        for (int64_t j = 0; j < row.vocabulary; ++j) {
            const uint32_t key = ordered_key(row.z(j));
            if ((key & known) == prefix) histogram[key >> shift & (size - 1)] += mass(j);
        }
        uint32_t found = 0;
        uint64_t below_found = below;
        for (uint32_t i = 0; i < size; ++i) {
            if (histogram[i] == 0) continue;
            found = i;
            below_found = below;
            below += histogram[i];
            if (below > limit) break;
        }
        below = below_found;
        prefix |= found << shift;
        known |= (size - 1) << shift;
    }
    return {from_ordered_key(prefix), below};
}

// The k largest; ties with the k-th stay.
inline void keep_top_k(const SampledRow& row, int64_t k) {
    const auto skipped = static_cast<uint64_t>(row.vocabulary - k);
    const F16 threshold = broadcast(select_by_mass(row, skipped, [](int64_t) { return uint64_t{1}; }).z);
    row.filter([&](F16 z, F16) { return z < threshold; });
}

// Without the tail whose probabilities, added in ascending order, come to at most 1 - top_p of the whole. Of equal
// values at the threshold those with the lower index count as the smaller; the last of the largest always stays.
inline void keep_top_p(const SampledRow& row, float top_p) {
    const float scale = mass_scale(row.vocabulary);
    uint64_t total = 0;
    for (int64_t j = 0; j < row.vocabulary; ++j)
        total += mass_of(row.p[j], scale);
    const uint64_t limit = tail_mass(top_p, total);
    const Selected selected = select_by_mass(row, limit, [&](int64_t j) { return mass_of(row.p[j], scale); });
    const F16 threshold = broadcast(selected.z);
    row.filter([&](F16 z, F16) { return z < threshold; });
    int64_t last = row.vocabulary - 1;
    while (row.z(last) != selected.z)
        --last;
    uint64_t sum = selected.below;
    for (int64_t j = 0; j < last; ++j) {
        if (row.z(j) != selected.z) continue;
        sum += mass_of(row.p[j], scale);
        if (sum > limit) return;
        row.p[j] = 0.0f;
    }
}

// Probabilities of at least min_p times the largest, which is 1 here.
inline void keep_min_p(const SampledRow& row, float min_p) {
    const F16 least = broadcast(min_p);
    row.filter([&](F16, F16 p) { return p < least; });
}

} // namespace gimbal::GB_ISA
