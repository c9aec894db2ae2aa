// What the launcher of scatter_rows (native/src/cuda/scatter_rows.cpp) hands its kernel.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kScatterRowsThreads = 256; // a warp to a row
constexpr int kScatterRowsRows = kScatterRowsThreads / 32;

struct ScatterRowsArguments {
    const void* x;
    const int32_t* indices;
    void* y;
    int64_t rows, width, y_rows, x_stride;
    FaultSite fault;
};

} // namespace gimbal
