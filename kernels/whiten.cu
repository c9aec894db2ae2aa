// whiten: y = (x - mean) / sqrt(var + epsilon) over the elements of mask 1, + mean if it is kept; 0 elsewhere.
// x, y (count) float32, y may be x; mask uint8, moments (2) double, both nullable. One launch: the first half of the
// blocks takes the moments, the second half waits for them, its elements in registers, and writes. Blocks take their
// places in the order in which they begin, so that nobody waits for a block that has not begun. Bound: 12 bytes an
// element (x twice), one more for a mask; for few elements the latency of three blocks after one another. Order:
// common/cut.h, the CPU's bits.
#include "whiten.h"

#include "common/flags.h"
#include "common/statistics.h"

#include "common/moments.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kWarps = kStatisticsThreads / 32;
static_assert(sizeof(Whitening) <= kWhitenResultBytes);
static_assert(kWhitenPivotElements == kStatisticsThreads);

struct WhitenShared {
    double pieces[1024]; // of sum_blocks
    float row[kBlockUnit];
    int counts[kWarps];
    double totals[kWhitenSums];
    float pivot;
    unsigned order;
};

// The sum of `count` over the block, in thread 0.
GB_DEVICE int sum_counts(int count, WhitenShared& shared) {
    for (int offset = 16; offset > 0; offset /= 2)
        count += __shfl_down_sync(~0u, count, offset);
    if (threadIdx.x % 32 == 0) shared.counts[threadIdx.x / 32] = count;
    __syncthreads();
    int sum = 0;
    if (threadIdx.x == 0)
        for (int w = 0; w < kWarps; ++w)
            sum += shared.counts[w];
    return sum;
}

// The mean of the kept ones of the first elements, 0 if there are none.
GB_DEVICE float find_pivot(const WhitenArguments& a, WhitenShared& shared) {
    const int thread = static_cast<int>(threadIdx.x);
    const bool kept = thread < a.count && load_mask(a.mask, thread, Width<1>{}) != 0;
    shared.row[thread] = kept ? a.x[thread] : 0.0f;
    const int elements = sum_counts(kept ? 1 : 0, shared);
    if (thread < 32) {
        double sum = 0.0;
#pragma unroll
        for (int i = 0; i < kWhitenPivotElements; i += kLanes)
            sum += static_cast<double>(shared.row[i + team_lane()]);
        sum = sum_team(sum);
        if (thread == 0) shared.pivot = elements > 0 ? static_cast<float>(sum / elements) : 0.0f;
    }
    __syncthreads();
    return shared.pivot;
}

GB_DEVICE void take_moments(const WhitenArguments& a, int64_t block, bool aligned, WhitenShared& shared) {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
    const float pivot = find_pivot(a, shared);
    const int64_t begin = block * a.cut.block;
    const int64_t end = a.count - begin < a.cut.block ? a.count : begin + a.cut.block;
    int elements = 0;
    double sum = 0.0; // of the differences in the first warp, of their squares in the second
    for (int64_t unit = begin; unit < end; unit += kBlockUnit) {
        const int n = static_cast<int>(end - unit < kBlockUnit ? end - unit : kBlockUnit);
        for_unit(n, aligned, [&](int at, auto width) {
            auto x = load(a.x + unit + at, width);
            const unsigned kept = load_mask(a.mask, unit + at, width);
#pragma unroll
            for (int j = 0; j < width.value; ++j)
                x[j] = (kept >> j & 1u) != 0 ? x[j] - pivot : 0.0f;
            elements += __popc(kept);
            store(shared.row + at, x, width);
        });
        __syncthreads();
        if (warp < 2) {
#pragma unroll 16
            for (int k = team_lane(); k < kBlockUnit; k += kLanes) {
                const double x = k < n ? static_cast<double>(shared.row[k]) : 0.0;
                sum = warp == 0 ? sum + x : ::fma(x, x, sum);
            }
        }
        __syncthreads();
    }
    double* partials = a.partials + block * kWhitenSums;
    sum = sum_team(sum);
    elements = sum_counts(elements, shared);
    if (thread == 0) partials[0] = elements;
    if (warp < 2 && thread % 32 == 0) partials[1 + warp] = sum;
    if (!is_last_block(a.tickets + 1, static_cast<unsigned>(a.cut.blocks))) return;

    const double total = sum_blocks(a.cut.blocks, kWhitenSums, 0.0, shared.pieces,
                                    [&](int64_t b, int column) { return a.partials[b * kWhitenSums + column]; });
    if (thread < kWhitenSums) shared.totals[thread] = total;
    __syncthreads();
    if (thread != 0) return;
    const Whitening found = finish_whitening(shared.totals[0], pivot, shared.totals[1], shared.totals[2], a.epsilon,
                                             a.ddof, a.keep_mean != 0);
    *static_cast<Whitening*>(a.result) = found;
    if (a.moments != nullptr) {
        a.moments[0] = found.mean;
        a.moments[1] = found.variance;
    }
    store_release(a.tickets + 2, 1);
}

GB_DEVICE void write(const WhitenArguments& a, int64_t block, bool aligned) {
    const int64_t begin = block * a.cut.block;
    const int64_t end = a.count - begin < a.cut.block ? a.count : begin + a.cut.block;
    const int64_t first = begin + 4 * threadIdx.x;
    Pack<4> held{};
    if (aligned && first + 4 <= end) held = load(a.x + first, Width<4>{});
    if (threadIdx.x == 0)
        while (load_acquire(a.tickets + 2) == 0) {
        }
    __syncthreads();
    const Whitening w = *static_cast<const Whitening*>(a.result);
    for (int64_t unit = begin; unit < end; unit += kBlockUnit) {
        const int n = static_cast<int>(end - unit < kBlockUnit ? end - unit : kBlockUnit);
        for_unit(n, aligned, [&](int at, auto width) {
            Pack<width.value> x;
            if constexpr (width.value == 4)
                x = unit == begin ? held : load(a.x + unit + at, width);
            else
                x = load(a.x + unit + at, width);
            const unsigned kept = load_mask(a.mask, unit + at, width);
#pragma unroll
            for (int j = 0; j < width.value; ++j)
                x[j] = (kept >> j & 1u) != 0 ? fma((x[j] - w.near) - w.rest, w.scale, w.shift) : 0.0f;
            store(a.y + unit + at, x, width);
        });
    }
    if (is_last_block(a.tickets + 3, static_cast<unsigned>(a.cut.blocks)) && threadIdx.x == 0)
        a.tickets[0] = a.tickets[2] = 0;
}

} // namespace

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) whiten_kernel(WhitenArguments a) {
    GB_SHARED(WhitenShared, shared, 1);
    if (threadIdx.x == 0) shared->order = atomicAdd(a.tickets, 1u);
    __syncthreads();
    const int64_t order = shared->order;
    const bool aligned = all_aligned4(a.x, a.y, a.mask);
    if (order < a.cut.blocks)
        take_moments(a, order, aligned, *shared);
    else
        write(a, order - a.cut.blocks, aligned);
}
