// Top-k, top-p and min-p without sorting: thresholds are found by selection over the bits of the floats, three passes
// over the row at most. Semantics of Hugging Face's processors, ties included.
#pragma once

#include "cpu/log_sum_exp.h"

#include <bit>
#include <cstdint>

namespace gimbal::GB_ISA {

// Floats in their order, as unsigned integers; -0 counts as 0.
GB_INLINE uint32_t ordered_key(float z) {
    const uint32_t u = std::bit_cast<uint32_t>(z + 0.0f);
    return u ^ ((u >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}
GB_INLINE float from_ordered_key(uint32_t key) {
    return std::bit_cast<float>(key ^ ((key >> 31) != 0 ? 0x80000000u : 0xffffffffu));
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
    float z;      // the element's value
    double below; // mass of all smaller values
};

// With the row's elements in ascending order of z, the first at which the running sum of mass(j) exceeds `limit`; the
// largest if rounding leaves the limit out of reach. Three digits of the key, the highest first, each by the histogram
// of the elements that share the digits before it. Sums run in the order of the vocabulary.
template <class Mass> Selected select_by_mass(const SampledRow& row, double limit, Mass&& mass) {
    constexpr uint32_t kShifts[] = {21, 10, 0}, kSizes[] = {2048, 2048, 1024};
    uint32_t prefix = 0, known = 0;
    double below = 0;
    for (int digit = 0; digit < 3; ++digit) {
        double histogram[2048] = {};
        for (int64_t j = 0; j < row.vocabulary; ++j) {
            const uint32_t key = ordered_key(row.z(j));
            if ((key & known) == prefix) histogram[key >> kShifts[digit] & (kSizes[digit] - 1)] += mass(j);
        }
        uint32_t found = 0;
        double below_found = below;
        for (uint32_t i = 0; i < kSizes[digit]; ++i) {
            if (histogram[i] == 0) continue;
            found = i;
            below_found = below;
            below += histogram[i];
            if (below > limit) break;
        }
        below = below_found;
        prefix |= found << kShifts[digit];
        known |= (kSizes[digit] - 1) << kShifts[digit];
    }
    return {from_ordered_key(prefix), below};
}

// The k largest; ties with the k-th stay.
inline void keep_top_k(const SampledRow& row, int64_t k) {
    const double skipped = static_cast<double>(row.vocabulary - k);
    const F16 threshold = broadcast(select_by_mass(row, skipped, [](int64_t) { return 1.0; }).z);
    row.filter([&](F16 z, F16) { return z < threshold; });
}

// Without the tail whose probabilities, added in ascending order, come to at most 1 - top_p of the whole. Of equal
// values at the threshold those with the lower index count as the smaller; the last of the largest always stays.
inline void keep_top_p(const SampledRow& row, float top_p) {
    double total = 0;
    for (int64_t j = 0; j < row.vocabulary; ++j)
        total += static_cast<double>(row.p[j]);
    const double limit = (1.0 - static_cast<double>(top_p)) * total;
    const Selected selected = select_by_mass(row, limit, [&](int64_t j) { return static_cast<double>(row.p[j]); });
    const F16 threshold = broadcast(selected.z);
    row.filter([&](F16 z, F16) { return z < threshold; });
    int64_t last = row.vocabulary - 1;
    while (row.z(last) != selected.z)
        --last;
    double sum = selected.below;
    for (int64_t j = 0; j < last; ++j) {
        if (row.z(j) != selected.z) continue;
        sum += static_cast<double>(row.p[j]);
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
