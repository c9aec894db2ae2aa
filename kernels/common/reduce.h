// Sums and maxima in the order of docs/ARCHITECTURE.md: sixteen lanes, lane = index mod 16, then one tree, lane i with
// i + 8, + 4, + 2, + 1. A team of sixteen threads (half a warp) is the lanes; a warp holds two teams.
#pragma once

#include "common/scalar.h"

namespace gimbal::device {

constexpr int kLanes = 16;

GB_DEVICE int team_lane() {
    return static_cast<int>(threadIdx.x) & (kLanes - 1);
}

// Every lane of the team gets the total; all 32 threads of the warp call together.
template <class T, class Combine> GB_DEVICE T reduce_team(T value, Combine combine) {
    for (int offset = kLanes / 2; offset > 0; offset /= 2)
        value = combine(value, __shfl_down_sync(~0u, value, offset, kLanes));
    return __shfl_sync(~0u, value, 0, kLanes);
}

template <class T> GB_DEVICE T sum_team(T value) {
    return reduce_team(value, [](T a, T b) { return a + b; });
}

GB_DEVICE float max_team(float value) {
    return reduce_team(value, [](float a, float b) { return a > b ? a : b; });
}

// Calls body(i) for the elements i < count of the caller's lane, ascending.
template <class Body> GB_DEVICE void for_team(int64_t count, Body body) {
    for (int64_t i = team_lane(); i < count; i += kLanes)
        body(i);
}

} // namespace gimbal::device
