// Top-k, top-p and min-p over a row of logits, by a thread block: the thresholds of native/src/cpu/truncation.h. What
// is counted are integers, so that atomic additions in shared memory give the same sums in any order.
#pragma once

#include "common/log_sum_exp.h"
#include "common/selection.h"

namespace gimbal::device {

// One row under the sampler: z_j = logits_j / T and p_j = exp(z_j - max), 0 once a filter took the token away.
template <class T> struct SampledRow {
    const T* logits;
    int64_t vocabulary;
    float inverse_temperature, max;
    // What the filters left: z >= lowest; of those with z = lowest the ones from first_kept on; p >= min_p.
    float lowest = -kInfinity;
    int64_t first_kept = 0;
    float min_p = 0.0f;

    GB_DEVICE float z(int64_t j) const { return load(logits + j) * inverse_temperature; }
    GB_DEVICE float p(int64_t j) const {
        const float v = z(j);
        const float e = exp(v - max);
        return v < lowest || (v == lowest && j < first_kept) || e < min_p ? 0.0f : e;
    }
    // Calls body(j) for the calling thread's share of the row.
    template <class Body> GB_DEVICE void for_tokens(Body body) const {
        for (int64_t j = threadIdx.x; j < vocabulary; j += blockDim.x)
            body(j);
    }
};

// 64-bit sums in two halves: shared memory adds 32 bits at a time.
struct Histogram {
    unsigned low[kBuckets], high[kBuckets];

    GB_DEVICE void clear() {
        for (unsigned i = threadIdx.x; i < kBuckets; i += blockDim.x)
            low[i] = high[i] = 0;
    }
    GB_DEVICE void add(uint32_t bucket, uint64_t mass) {
        if (mass == 0) return;
        const unsigned part = static_cast<unsigned>(mass);
        const unsigned before = atomicAdd(&low[bucket], part);
        const unsigned carried = static_cast<unsigned>(mass >> 32) + (before + part < before ? 1u : 0u);
        if (carried != 0) atomicAdd(&high[bucket], carried);
    }
    GB_DEVICE int64_t at(uint32_t bucket) const {
        return static_cast<int64_t>(uint64_t{high[bucket]} << 32 | low[bucket]);
    }
};

struct Selected {
    float z;       // the element's value
    int64_t below; // mass of all smaller values
    int64_t mass;  // of all elements of this value
};

// The first bucket at which the running sum, from `below` on, exceeds `limit`; the last that is not empty if none does.
// By one warp; every lane of it gets the answer, with the key of the bucket as bits of z.
struct FoundBucket {
    uint32_t bucket;
    int64_t below, mass;
};
GB_DEVICE FoundBucket find_bucket(const Histogram& histogram, uint32_t size, int64_t below, int64_t limit) {
    const uint32_t lane = threadIdx.x & 31, share = size / 32, begin = lane * share;
    int64_t mine = 0;
    for (uint32_t i = 0; i < share; ++i)
        mine += histogram.at(begin + i);
    int64_t through = mine;
    for (int offset = 1; offset < 32; offset *= 2) {
        const int64_t earlier = __shfl_up_sync(~0u, through, offset);
        if (lane >= static_cast<uint32_t>(offset)) through += earlier;
    }
    through += below;
    const unsigned crossing = __ballot_sync(~0u, through > limit), filled = __ballot_sync(~0u, mine != 0);
    const int owner = crossing != 0 ? __ffs(static_cast<int>(crossing)) - 1 : 31 - __clz(static_cast<int>(filled | 1u));
    FoundBucket found{begin, through - mine, 0};
    int64_t sum = through - mine;
    for (uint32_t i = 0; i < share; ++i) {
        const int64_t mass = histogram.at(begin + i);
        if (mass == 0) continue;
        found = {begin + i, sum, mass};
        sum += mass;
        if (sum > limit) break;
    }
    return {__shfl_sync(~0u, found.bucket, owner), __shfl_sync(~0u, found.below, owner),
            __shfl_sync(~0u, found.mass, owner)};
}

// With the row's elements in ascending order of z, the first at which the running sum of mass(j) exceeds `limit`; the
// largest if the limit is out of reach. Each digit of the key by the histogram of the elements that share the digits
// before it. All threads of the block call together and get the answer.
template <class T, class Mass>
GB_DEVICE Selected select_by_mass(const SampledRow<T>& row, int64_t limit, Histogram& histogram, Mass mass) {
    GB_SHARED(FoundBucket, found, 1);
    uint32_t prefix = 0, known = 0;
    Selected selected{0.0f, 0, 0};
    for (int digit = 0; digit < kDigits; ++digit) {
        const int shift = digit_shift(digit);
        const uint32_t size = digit_size(digit);
        __syncthreads();
        histogram.clear();
        __syncthreads();
        row.for_tokens([&](int64_t j) {
            const uint32_t key = ordered_key_of_bits(__float_as_uint(row.z(j) + 0.0f));
            if ((key & known) == prefix) histogram.add(key >> shift & (size - 1), mass(j));
        });
        __syncthreads();
        if (threadIdx.x < 32) {
            const FoundBucket bucket = find_bucket(histogram, size, selected.below, limit);
            if (threadIdx.x == 0) found[0] = bucket;
        }
        __syncthreads();
        selected.below = found[0].below;
        selected.mass = found[0].mass;
        prefix |= found[0].bucket << shift;
        known |= (size - 1) << shift;
    }
    selected.z = __uint_as_float(bits_of_ordered_key(prefix));
    return selected;
}

// The index of the tie number `skipped` (from 0) among the tokens with that z, ascending.
template <class T> GB_DEVICE int64_t find_tie(const SampledRow<T>& row, float z, int64_t skipped) {
    GB_SHARED(int, ties, kLogSumExpThreads / 32); // of each warp
    GB_SHARED(int64_t, index, 1);
    const int lane = static_cast<int>(threadIdx.x) & 31, warp = static_cast<int>(threadIdx.x) >> 5;
    const int warps = static_cast<int>(blockDim.x) >> 5;
    int64_t seen = 0;
    for (int64_t first = 0; first < row.vocabulary; first += blockDim.x) {
        const int64_t j = first + threadIdx.x;
        const bool tie = j < row.vocabulary && row.z(j) == z;
        const unsigned mask = __ballot_sync(~0u, tie);
        __syncthreads();
        if (lane == 0) ties[warp] = __popc(mask);
        __syncthreads();
        int64_t before = seen;
        for (int w = 0; w < warps; ++w) {
            if (w < warp) before += ties[w];
            seen += ties[w];
        }
        if (tie && before + __popc(mask & ((1u << lane) - 1u)) == skipped) index[0] = j;
        if (seen > skipped) break;
    }
    __syncthreads();
    return index[0];
}

// The k largest; ties with the k-th stay.
template <class T> GB_DEVICE void keep_top_k(SampledRow<T>& row, int64_t k, Histogram& histogram) {
    row.lowest = select_by_mass(row, row.vocabulary - k, histogram, [](int64_t) { return uint64_t{1}; }).z;
}

// Without the tail whose probabilities, added in ascending order, come to at most 1 - top_p of the whole. Of equal
// values at the threshold those with the lower index count as the smaller; the last of the largest always stays.
template <class T> GB_DEVICE void keep_top_p(SampledRow<T>& row, float top_p, Histogram& histogram) {
    const float scale = mass_scale(row.vocabulary);
    const SampledRow<T> before = row;
    const auto mass = [&](int64_t j) { return mass_of(before.p(j), scale); };
    __syncthreads();
    histogram.clear();
    __syncthreads();
    uint64_t total = 0;
    row.for_tokens([&](int64_t j) { total += mass(j); });
    histogram.add(0, total);
    __syncthreads();
    const auto limit = static_cast<int64_t>(tail_mass(top_p, static_cast<uint64_t>(histogram.at(0))));
    const Selected selected = select_by_mass(before, limit, histogram, mass);
    row.lowest = selected.z;
    const auto each = static_cast<int64_t>(mass_of(exp(selected.z - row.max), scale));
    const int64_t ties = selected.mass / each, dropped = (limit - selected.below) / each;
    if (dropped > 0) row.first_kept = find_tie(before, selected.z, dropped < ties ? dropped : ties - 1);
}

} // namespace gimbal::device
