// GRPO's baseline. Groups are rows and stay in the first cache, so rewards are read from memory once.
#include "cpu/bytes.h"
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {
namespace {

struct Group {
    double mean, deviation; // over the elements of mask 1
    int64_t elements;
    bool equal;
};

GB_INLINE Group describe(const float* rewards, const uint8_t* mask, int64_t size) {
    D16 sum;
    F16 lowest = broadcast(kInfinity), highest = broadcast(-kInfinity);
    const int64_t elements = kept(mask, 0, size);
    for_lanes(0, size, [&](int64_t i, auto n) {
        const M16 absent = masked_out(mask, i, n);
        const F16 r = load(rewards + i, n);
        sum.add(select(absent, zero(), r));
        lowest = min(select(absent, lowest, r), lowest);
        highest = max(select(absent, highest, r), highest);
    });
    const double total = reduce_add(sum);
    if (elements == 0) return {0, 0, 0, true};
    const double mean = total / static_cast<double>(elements);
    // min and max skip NaN, the sum does not.
    const float low = -reduce_max(-lowest), high = reduce_max(highest);
    if (low == high && total == total) return {mean, 0, elements, true};
    const F16 near = broadcast(static_cast<float>(mean));
    D16 left, squares;
    for_lanes(0, size, [&](int64_t i, auto n) {
        const F16 d = select(masked_out(mask, i, n), zero(), load(rewards + i, n) - near);
        left.add(d);
        squares.add(d * d);
    });
    const double rest = reduce_add(left);
    const double variance =
        (reduce_add(squares) - rest * rest / static_cast<double>(elements)) / static_cast<double>(elements - 1);
    return {mean, std::sqrt(variance), elements, false};
}

} // namespace

void cpu_group_advantages(Cpu& cpu, const float* rewards, const uint8_t* mask, float* advantages, double* statistics,
                          int64_t groups, int64_t group_size, float epsilon, int32_t scaling) {
    if (group_size == 0) return;
    const int64_t grain = group_size < kElementGrain ? kElementGrain / group_size : 1;
    sum_pieces<3>(cpu.threads, groups, grain, statistics, [&](int64_t begin, int64_t end, double(&sums)[3]) {
        sums[0] = sums[1] = sums[2] = 0;
        for (int64_t g = begin; g < end; ++g) {
            const float* r = rewards + g * group_size;
            const uint8_t* group_mask = mask == nullptr ? nullptr : mask + g * group_size;
            float* a = advantages + g * group_size;
            const Group group = describe(r, group_mask, group_size);
            sums[0] += group.elements > 0 ? 1 : 0;
            sums[1] += group.elements > 0 && group.equal ? 1 : 0;
            sums[2] += group.deviation;
            const F16 near = broadcast(static_cast<float>(group.mean));
            const F16 rest = broadcast(static_cast<float>(group.mean - static_cast<double>(first_lane(near))));
            const float divisor =
                scaling == GB_SCALE_GROUP ? static_cast<float>(group.deviation + static_cast<double>(epsilon)) : 1.0f;
            for_lanes(0, group_size, [&](int64_t i, auto n) {
                const F16 d = (load(r + i, n) - near) - rest;
                const F16 scaled = group.equal ? zero() : d / broadcast(divisor);
                store(a + i, select(masked_out(group_mask, i, n), zero(), scaled), n);
            });
        }
    });
}

} // namespace gimbal::GB_ISA
