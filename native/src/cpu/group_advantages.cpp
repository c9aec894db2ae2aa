// GRPO's baseline, one pass: groups stay in the first cache, or in registers, while their moments are taken. Groups of
// at most sixteen go sixteen at a time, one to a lane; larger ones one at a time, their elements over the lanes. Which
// way depends on the group's size alone.
#include "cpu/bytes.h"
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"
#include "cpu/transpose.h"

#include "common/moments.h"
#include "group_advantages.h"

namespace gimbal::GB_ISA {
namespace {

struct Groups {
    const float* rewards;
    const uint8_t* mask;
    float* advantages;
    int64_t size;
    float epsilon;
    bool scaled;
};

// Of a block of groups; the deviation of its i-th group goes to lane i mod 16.
struct Totals {
    int groups = 0, equal = 0;
    double deviations[16] = {};

    GB_INLINE void add(int64_t i, double elements, bool all_equal, double deviation) {
        const int any = elements > 0 ? 1 : 0;
        groups += any;
        equal += all_equal ? any : 0;
        deviations[i % 16] += elements > 0 ? deviation : 0;
    }
};

void large_group(const Groups& groups, int64_t group, int64_t lane, Totals& totals) {
    const float* rewards = groups.rewards + group * groups.size;
    const uint8_t* mask = groups.mask == nullptr ? nullptr : groups.mask + group * groups.size;
    D16 sum, left, squares;
    F16 lowest = broadcast(kInfinity), highest = broadcast(-kInfinity);
    for_lanes(0, groups.size, [&](int64_t i, auto n) {
        const M16 absent = masked_out(mask, i, n);
        const F16 r = load(rewards + i, n);
        sum.add(select(absent, zero(), r));
        lowest = min(select(absent, lowest, r), lowest);
        highest = max(select(absent, highest, r), highest);
    });
    Baseline base = begin_baseline(reduce_add(sum), static_cast<double>(kept(mask, 0, groups.size)),
                                   -reduce_max(-lowest), reduce_max(highest));
    const F16 near = broadcast(static_cast<float>(base.near));
    for_lanes(0, groups.size, [&](int64_t i, auto n) {
        const F16 d = select(masked_out(mask, i, n), zero(), load(rewards + i, n) - near);
        left.add(d);
        squares.add(d * d);
    });
    base.finish(reduce_add(left), reduce_add(squares), groups.epsilon, groups.scaled);
    totals.add(lane, base.elements, base.equal, base.deviation);
    const F16 rest = broadcast(static_cast<float>(base.rest)), divisor = broadcast(static_cast<float>(base.divisor));
    for_lanes(0, groups.size, [&](int64_t i, auto n) {
        const F16 scaled = base.equal ? zero() : ((load(rewards + i, n) - near) - rest) / divisor;
        store(groups.advantages + group * groups.size + i, select(masked_out(mask, i, n), zero(), scaled), n);
    });
}

// Groups first .. first + count - 1, at most sixteen, of at most sixteen elements each.
void small_groups(const Groups& groups, int64_t first, int count, Totals& totals) {
    const int size = static_cast<int>(groups.size);
    F16 tile[16], present[16];
    load_tile(groups.rewards + first * size, size, count, size, tile);
    if (groups.mask != nullptr)
        load_tile(groups.mask + first * size, size, count, size, present);
    else
        for (F16& p : present)
            p = broadcast(1.0f);

    D16 sum, elements, left, squares;
    F16 lowest = broadcast(kInfinity), highest = broadcast(-kInfinity);
    for (int i = 0; i < size; ++i) {
        const M16 absent = present[i] == zero();
        sum.add(select(absent, zero(), tile[i]));
        elements.add(select(absent, zero(), broadcast(1.0f)));
        lowest = min(select(absent, lowest, tile[i]), lowest);
        highest = max(select(absent, highest, tile[i]), highest);
    }
    double sums[16], counts[16], lefts[16], square_sums[16], deviations[16];
    float lows[16], highs[16], nears[16], rests[16], divisors[16];
    int equal[16];
    sum.store(sums);
    elements.store(counts);
    store(lows, lowest);
    store(highs, highest);
    for (int g = 0; g < 16; ++g)
        nears[g] = static_cast<float>(begin_baseline(sums[g], counts[g], lows[g], highs[g]).near);
    const F16 near = load(nears);
    for (int i = 0; i < size; ++i) {
        const F16 d = select(present[i] == zero(), zero(), tile[i] - near);
        left.add(d);
        squares.add(d * d);
    }
    left.store(lefts);
    squares.store(square_sums);
    for (int g = 0; g < 16; ++g) {
        Baseline base = begin_baseline(sums[g], counts[g], lows[g], highs[g]);
        base.finish(lefts[g], square_sums[g], groups.epsilon, groups.scaled);
        rests[g] = static_cast<float>(base.rest);
        divisors[g] = base.equal ? kInfinity : static_cast<float>(base.divisor);
        deviations[g] = base.deviation;
        equal[g] = base.equal ? 1 : 0;
    }
    for (int g = count; g < 16; ++g)
        counts[g] = 0;
    for (int g = 0; g < 16; ++g)
        totals.add(g, counts[g], equal[g] != 0, deviations[g]);
    const F16 rest = load(rests), divisor = load(divisors);
    for (int i = 0; i < size; ++i) {
        const M16 absent = (present[i] == zero()) | (divisor == broadcast(kInfinity));
        tile[i] = select(absent, zero(), ((tile[i] - near) - rest) / divisor);
    }
    store_tile(groups.advantages + first * size, size, count, size, tile);
}

} // namespace

void cpu_group_advantages(Cpu& cpu, const float* rewards, const uint8_t* mask, float* advantages, double* statistics,
                          int64_t groups, int64_t group_size, float epsilon, int32_t scaling) {
    if (group_size == 0) return;
    const Groups all{rewards, mask, advantages, group_size, epsilon, scaling == GB_SCALE_GROUP};
    sum_pieces<3>(cpu.threads, groups, kPieceBlocks * group_unit(group_size), statistics,
                  [&](int64_t begin, int64_t end, double(&sums)[3]) {
                      Totals totals;
                      if (group_size > 16) {
                          for (int64_t g = begin; g < end; ++g)
                              large_group(all, g, g - begin, totals);
                      } else {
                          for (int64_t g = begin; g < end; g += 16)
                              small_groups(all, g, end - g < 16 ? static_cast<int>(end - g) : 16, totals);
                      }
                      sums[0] = totals.groups;
                      sums[1] = totals.equal;
                      sums[2] = tree_sum(totals.deviations);
                  });
}

} // namespace gimbal::GB_ISA
