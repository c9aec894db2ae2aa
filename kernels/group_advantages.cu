// group_advantages: A = (r - mean) / (std + epsilon) over the kept elements of a group, or r - mean; 0 where all are
// equal. rewards, advantages (groups, size) float32, mask uint8, nullable; statistics (3) double. A block of threads
// takes a block of groups: a thread to a group of at most sixteen elements, which it keeps in registers, sixteen lanes
// to a larger one, which it reads three times, from the first cache after the first time. Bound: 8 bytes an element,
// and one for a mask; for few groups the latency. The CPU's bits: small groups add their elements in order, larger ones
// in lanes, groups as in common/cut.h.
#include "group_advantages.h"

#include "common/flags.h"
#include "common/statistics.h"

#include "common/moments.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kTeams = kStatisticsThreads / kLanes;

struct Totals {
    double* deviations; // shared, of the groups of the block
    unsigned groups, equal;

    GB_DEVICE void add(int i, const Baseline& base) {
        const bool any = base.elements > 0;
        deviations[i] = any ? base.deviation : 0.0;
        groups += any ? 1u : 0u;
        equal += any && base.equal ? 1u : 0u;
    }
};

GB_DEVICE float advantage_of(float reward, const Baseline& base) {
    const float near = static_cast<float>(base.near), rest = static_cast<float>(base.rest);
    return base.equal ? 0.0f : ((reward - near) - rest) / static_cast<float>(base.divisor);
}

// By one thread.
GB_DEVICE void small_group(const GroupAdvantagesArguments& a, int64_t group, int i, Totals& totals) {
    const int size = static_cast<int>(a.size);
    const int64_t at = group * a.size;
    float reward[kSmallGroup];
    unsigned kept = 0;
#pragma unroll
    for (int k = 0; k < kSmallGroup; ++k) {
        const bool present = k < size && load_mask(a.mask, at + k, Width<1>{}) != 0;
        reward[k] = present ? a.rewards[at + k] : 0.0f;
        kept |= present ? 1u << k : 0u;
    }
    double sum = 0.0, left = 0.0, squares = 0.0;
    float lowest = kInfinity, highest = -kInfinity;
#pragma unroll
    for (int k = 0; k < kSmallGroup; ++k)
        if ((kept >> k & 1u) != 0) {
            sum += static_cast<double>(reward[k]);
            lowest = min(reward[k], lowest);
            highest = max(reward[k], highest);
        }
    Baseline base = begin_baseline(sum, __popc(kept), lowest, highest);
#pragma unroll
    for (int k = 0; k < kSmallGroup; ++k)
        if ((kept >> k & 1u) != 0) {
            const float d = reward[k] - static_cast<float>(base.near);
            left += static_cast<double>(d);
            squares += static_cast<double>(d * d);
        }
    base.finish(left, squares, a.epsilon, a.scaled != 0);
    totals.add(i, base);
#pragma unroll
    for (int k = 0; k < kSmallGroup; ++k)
        if (k < size) a.advantages[at + k] = (kept >> k & 1u) != 0 ? advantage_of(reward[k], base) : 0.0f;
}

// By a team; without one of the two of a warp the other still needs it for shuffles: `exists` is then false.
GB_DEVICE void large_group(const GroupAdvantagesArguments& a, int64_t group, int i, bool exists, Totals& totals) {
    const int64_t at = group * a.size, size = exists ? a.size : 0;
    const auto kept = [&](int64_t k) { return load_mask(a.mask, at + k, Width<1>{}) != 0; };
    double sum = 0.0, elements = 0.0, left = 0.0, squares = 0.0;
    float lowest = kInfinity, highest = -kInfinity;
    for_team(size, [&](int64_t k) {
        if (!kept(k)) return;
        const float r = a.rewards[at + k];
        sum += static_cast<double>(r);
        elements += 1.0;
        lowest = min(r, lowest);
        highest = max(r, highest);
    });
    Baseline base = begin_baseline(sum_team(sum), sum_team(elements), -max_team(-lowest), max_team(highest));
    for_team(size, [&](int64_t k) {
        if (!kept(k)) return;
        const float d = a.rewards[at + k] - static_cast<float>(base.near);
        left += static_cast<double>(d);
        squares += static_cast<double>(d * d);
    });
    base.finish(sum_team(left), sum_team(squares), a.epsilon, a.scaled != 0);
    if (exists && team_lane() == 0) totals.add(i, base);
    for_team(size, [&](int64_t k) { a.advantages[at + k] = kept(k) ? advantage_of(a.rewards[at + k], base) : 0.0f; });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) group_advantages_kernel(GroupAdvantagesArguments a) {
    GB_SHARED(double, deviations, kBlockUnit);
    GB_SHARED(unsigned, counts, 2);
    const int thread = static_cast<int>(threadIdx.x), team = thread / kLanes;
    const Cut& cut = a.statistics.cut;
    const int64_t block = blockIdx.x, begin = block * cut.block;
    const int64_t end = a.groups - begin < cut.block ? a.groups : begin + cut.block;
    if (thread < 2) counts[thread] = 0;
    Totals totals{deviations, 0, 0};
    double sum = 0.0;
    for (int64_t first = begin; first < end; first += kBlockUnit) {
        const int n = static_cast<int>(end - first < kBlockUnit ? end - first : kBlockUnit);
        if (a.size <= kSmallGroup) {
            for (int i = thread; i < n; i += kStatisticsThreads)
                small_group(a, first + i, i, totals);
        } else {
            for (int i = team; i / 2 * 2 < n; i += kTeams) // both teams of a warp go on as long as either has a group
                large_group(a, first + (i < n ? i : 0), i, i < n, totals);
        }
        __syncthreads();
        if (thread < 32)
            for (int i = team_lane(); i < n; i += kLanes)
                sum += deviations[i];
        __syncthreads();
    }
    if (a.statistics.totals == nullptr) return;
    // Integers: in any order.
    atomicAdd(counts, totals.groups);
    atomicAdd(counts + 1, totals.equal);
    sum = sum_team(sum);
    __syncthreads();
    double* partials = a.statistics.partials + block * kGroupAdvantagesStatistics;
    if (thread < 2) partials[thread] = counts[thread];
    if (thread == 0) partials[2] = sum;
    if (is_last_block(a.statistics.ticket, gridDim.x)) add_statistics<kGroupAdvantagesStatistics>(a.statistics, deviations);
}
