// Statistics of an element-wise pass, in the order of common/cut.h: what a kernel needs to take them along.
#pragma once

#include "common/cut.h"
#include "common/reduce.h"
#include "common/ticket.h"
#include "common/vec.h"

namespace gimbal::device {

// Thread c < columns (at most 16) gets total + the sum of term(block, c) over the blocks, in their order. Called by a
// whole block of threads; `shared` has room for 1024 numbers, which no thread may be using.
template <class Term>
GB_DEVICE double sum_blocks(int64_t blocks, int columns, double total, double* shared, Term term) {
    constexpr int kHeld = 64; // pieces added up at a time
    const int thread = static_cast<int>(threadIdx.x);
    for (int64_t first = 0; first < blocks; first += kHeld * kPieceBlocks) {
        const int64_t rest = (blocks - first + kPieceBlocks - 1) / kPieceBlocks;
        const int held = static_cast<int>(rest < kHeld ? rest : kHeld);
        for (int i = thread; i < held * columns; i += static_cast<int>(blockDim.x)) {
            const int column = i % columns;
            const int64_t begin = first + i / columns * kPieceBlocks;
            double x[kPieceBlocks];
#pragma unroll
            for (int k = 0; k < kPieceBlocks; ++k)
                x[k] = begin + k < blocks ? term(begin + k, column) : 0.0;
            double sum = 0.0;
#pragma unroll
            for (int k = 0; k < kPieceBlocks; ++k)
                sum += x[k];
            shared[i] = sum;
        }
        __syncthreads();
        if (thread < columns)
            for (int k = 0; k < held; ++k)
                total += shared[k * columns + thread];
        __syncthreads();
    }
    return total;
}

// By the last block: adds the partials of all blocks to the op's N statistics.
template <int64_t N> GB_DEVICE void add_statistics(const StatisticsSite& site, double* shared) {
    const int thread = static_cast<int>(threadIdx.x);
    const double* partials = site.partials;
    const double total = sum_blocks(site.cut.blocks, N, thread < N ? site.totals[thread] : 0.0, shared,
                                    [&](int64_t block, int column) { return partials[block * N + column]; });
    if (thread < N) site.totals[thread] = total;
}

// How many of the bits below `end` are 0.
constexpr int zeros_below(unsigned bits, int end) {
    int n = 0;
    for (int i = 0; i < end; ++i)
        n += (bits >> i & 1u) == 0 ? 1 : 0;
    return n;
}

// Calls take(at, Width<W>) so that a block of kStatisticsThreads threads covers 0..n-1, n at most kBlockUnit; kWidth 1
// leaves the packs out of the code.
template <int kWidth = 4, class Take> GB_DEVICE void for_unit(int n, bool aligned, Take take) {
    const int thread = static_cast<int>(threadIdx.x);
    const bool packed = kWidth == 4 && aligned;
    int at = packed ? 4 * thread : thread, stop = n;
    if constexpr (kWidth == 4)
        if (packed) {
            stop = at + 4 < n ? at + 4 : n;
            if (at + 4 <= n) {
                take(at, Width<4>{});
                at = stop;
            }
        }
    for (; at < stop; at += packed ? 1 : kStatisticsThreads)
        take(at, Width<1>{});
}

// What W neighbours contribute to the N statistics of an op. Bit s of kCounted: statistic s counts the elements of
// which it is not 0; the others are sums.
template <int W, int N, unsigned kCounted> struct Contribution {
    Pack<W> terms[N];
    template <class... Terms> GB_DEVICE void set(int j, Terms... x) {
        static_assert(sizeof...(x) == N);
        int s = 0;
        ((terms[s++][j] = static_cast<float>(x)), ...);
    }
};

// Calls body(i, Width<W>, Contribution<W, N, kCounted>&) for all elements 0..count-1, four at a time where `aligned`,
// and adds what it contributed to the statistics. The body of an element-wise kernel of kStatisticsThreads threads;
// kWidth 1 where a formula is long and the elements few.
template <int N, unsigned kCounted, int kWidth = 4, class Body>
GB_DEVICE void for_elements(int64_t count, bool aligned, const StatisticsSite& site, Body body) {
    constexpr int kSums = zeros_below(kCounted, N), kCounts = N - kSums;
    constexpr int kUnit = static_cast<int>(kBlockUnit), kStride = kUnit + kLanes; // teams of a warp on different banks
    constexpr int kWarps = kStatisticsThreads / 32;
    static_assert(kSums * kLanes <= kStatisticsThreads);
    GB_SHARED(float4, room, kSums * kStride / 4); // packs go in
    float* terms = reinterpret_cast<float*>(room);
    static_assert(sizeof room >= 1024 * sizeof(double));
    GB_SHARED(unsigned, counts, kWarps*(kCounts > 0 ? kCounts : 1));
    const int thread = static_cast<int>(threadIdx.x), team = thread / kLanes, lane = team_lane();
    const bool wanted = site.totals != nullptr;

    const int64_t block = blockIdx.x;
    const int64_t begin = block * site.cut.block;
    const int64_t end = count - begin < site.cut.block ? count : begin + site.cut.block;
    double sum = 0.0;
    unsigned counted[kCounts > 0 ? kCounts : 1] = {};
    for (int64_t unit = begin; unit < end; unit += kUnit) {
        const int n = static_cast<int>(end - unit < kUnit ? end - unit : kUnit);
        const auto take = [&](int at, auto width) {
            Contribution<width.value, N, kCounted> contribution;
            body(unit + at, width, contribution);
            int row = 0, counter = 0;
#pragma unroll
            for (int s = 0; s < N; ++s) {
                if ((kCounted >> s & 1u) != 0) {
#pragma unroll
                    for (int j = 0; j < width.value; ++j)
                        counted[counter] += contribution.terms[s][j] != 0.0f ? 1u : 0u;
                    ++counter;
                } else if (wanted) {
                    store(terms + row++ * kStride + at, contribution.terms[s], width);
                }
            }
        };
        for_unit<kWidth>(n, aligned, take);
        if (!wanted) continue;
        __syncthreads();
        if (team < kSums) {
            const float* row = terms + team * kStride + lane;
#pragma unroll 16
            for (int k = 0; k < kUnit; k += kLanes)
                sum += k + lane < n ? static_cast<double>(row[k]) : 0.0;
        }
        __syncthreads();
    }
    if (!wanted) return;
    double* partials = site.partials + block * N;
    sum = sum_team(sum);
    int row = 0, counter = 0;
#pragma unroll
    for (int s = 0; s < N; ++s) {
        if ((kCounted >> s & 1u) != 0) {
            unsigned total = counted[counter];
            for (int offset = 16; offset > 0; offset /= 2)
                total += __shfl_down_sync(~0u, total, offset);
            if (thread % 32 == 0) counts[counter * kWarps + thread / 32] = total;
            ++counter;
        } else if (team == row++ && lane == 0) {
            partials[s] = sum;
        }
    }
    __syncthreads();
    counter = 0;
#pragma unroll
    for (int s = 0; s < N; ++s) {
        if ((kCounted >> s & 1u) == 0) continue;
        if (thread == counter) {
            double total = 0.0;
            for (int w = 0; w < kWarps; ++w)
                total += static_cast<double>(counts[counter * kWarps + w]);
            partials[s] = total;
        }
        ++counter;
    }
    if (is_last_block(site.ticket, gridDim.x)) add_statistics<N>(site, reinterpret_cast<double*>(room));
}

// A weight: an element of weight 0 leaves no trace in any sum, even if it is not finite.
struct Weight {
    float value;
    GB_DEVICE bool present() const { return value != 0.0f; }
    GB_DEVICE float times(float x) const { return value == 0.0f ? 0.0f : value * x; }
    GB_DEVICE float only(float x) const { return value == 0.0f ? 0.0f : x; }
    GB_DEVICE bool has(bool event) const { return value != 0.0f && event; }
};

// A null array is all 1, another null one all 0.
template <class W> GB_DEVICE Pack<W::value> load_or(const float* p, int64_t i, W width, float otherwise) {
    Pack<W::value> x;
    for (int j = 0; j < W::value; ++j)
        x[j] = otherwise;
    return p == nullptr ? x : load(p + i, width);
}

// Writes to an output that may be null.
template <class W> GB_DEVICE void store_if(float* p, int64_t i, const Pack<W::value>& x, W width) {
    if (p != nullptr) store(p + i, x, width);
}

// True if all of these, null ones left out, may be moved four elements at a time.
template <class... Pointers> GB_DEVICE bool all_aligned4(const Pointers*... p) {
    return (aligned4(p) && ...);
}

} // namespace gimbal::device
