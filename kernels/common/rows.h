// Norms over (rows, width): which threads share a row, and a row's sums in the order of docs/ARCHITECTURE.md.
//
// A narrow row belongs to a team of sixteen threads, eight rows to a block; any other to a whole block. All of them
// bring the row to shared memory, sixteen of them reduce it as the CPU's lanes do, all of them write: global memory is
// read once, in packs, and the chain of additions reads shared memory.
#pragma once

#include "common/reduce.h"
#include "common/rows_shape.h"
#include "common/vec.h"

namespace gimbal::device {

// The row of the calling thread, which shares it with kThreads - 1 others: 16 or the whole block.
template <int kThreads> class Row {
public:
    GB_DEVICE Row(int64_t rows, int64_t width)
        : index_(static_cast<int64_t>(blockIdx.x) * kGroups + group()),
          width_(index_ < rows ? static_cast<int>(width) : 0), stride_(static_cast<int>(staged_stride(width))) {}

    GB_DEVICE int64_t index() const { return index_; }
    // Threads past the last row hold an empty one: they stay for the barriers.
    GB_DEVICE int width() const { return width_; }
    GB_DEVICE bool is_first_thread() const { return thread() == 0 && width_ > 0; }
    // Where array `array` of the row is staged.
    GB_DEVICE float* staged(float* shared, int array = 0) const {
        return shared + (static_cast<int>(array) * kGroups + group()) * stride_;
    }

    // Calls body(j, Width) so that every column is covered once.
    template <class Body> GB_DEVICE void for_packs(bool aligned, Body body) const {
        const int packs = aligned ? width_ / 4 : 0;
#pragma unroll 4
        for (int i = thread(); i < packs; i += kThreads)
            body(4 * i, Width<4>{});
        for (int j = 4 * packs + thread(); j < width_; j += kThreads)
            body(j, Width<1>{});
    }

    // N sums over the row, in sixteen lanes and the fixed tree; every thread of the row gets them. term(j, sums) adds
    // column j. Waits for what the row's threads have staged.
    template <int N, class Term> GB_DEVICE Pack<N> sum(Term term) const {
        Pack<N> sums = {};
        if constexpr (kThreads == kTeamThreads) {
            __syncwarp();
            add_lanes(sums, term);
            return sums;
        } else {
            GB_SHARED(float, totals, N);
            __syncthreads();
            if (threadIdx.x < 32) { // both teams of the warp do the same
                add_lanes(sums, term);
                if (threadIdx.x == 0)
                    for (int k = 0; k < N; ++k)
                        totals[k] = sums[k];
            }
            __syncthreads();
            for (int k = 0; k < N; ++k)
                sums[k] = totals[k];
            return sums;
        }
    }

private:
    static constexpr int kGroups = kRowThreads / kThreads;
    GB_DEVICE static int thread() {
        return static_cast<int>(threadIdx.x) % kThreads;
    }
    GB_DEVICE static int group() {
        return static_cast<int>(threadIdx.x) / kThreads;
    }

    template <int N, class Term> GB_DEVICE void add_lanes(Pack<N>& sums, Term term) const {
#pragma unroll 8
        for (int j = team_lane(); j < width_; j += kLanes)
            term(j, sums);
        for (int k = 0; k < N; ++k)
            sums[k] = sum_team(sums[k]);
    }

    int64_t index_;
    int width_, stride_;
};

// A gradient of an activation: written, or added to what is there.
template <class T, int N> GB_DEVICE void store_gradient(T* dx, Pack<N> v, bool accumulate, Width<N> n) {
    if (accumulate) {
        const Pack<N> before = load(dx, n);
#pragma unroll
        for (int k = 0; k < N; ++k)
            v[k] = before[k] + v[k];
    }
    store(dx, v, n);
}

} // namespace gimbal::device
