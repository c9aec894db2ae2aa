// What the launchers of rope (native/src/cuda/rope.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kRopeThreads = 256;

struct RopeArguments {
    const void* x;
    const int32_t* positions;
    const float* table;
    void* y;
    int64_t rows, heads, head_dim, rotary_dim, table_positions, x_stride, y_stride;
    FaultSite fault;
};

} // namespace gimbal
