// What the launcher of group_advantages (native/src/cuda/group_advantages.cpp) hands its kernels.
#pragma once

#include "common/cut.h"

namespace gimbal {

// Groups of at least one block of statistics: about 1024 elements, and sixteen groups or a multiple if they fit.
static inline int64_t group_unit(int64_t size) {
    if (size >= kBlockUnit) return 1;
    const int64_t fitting = kBlockUnit / size;
    return fitting < 16 ? fitting : fitting / 16 * 16;
}

constexpr int kGroupAdvantagesStatistics = 3;
// Groups up to this size have a thread, larger ones sixteen.
constexpr int64_t kSmallGroup = 16;

struct GroupAdvantagesArguments {
    const float* rewards;
    const uint8_t* mask;
    float* advantages;
    StatisticsSite statistics;
    int64_t groups, size;
    float epsilon;
    int32_t scaled;
};

} // namespace gimbal
