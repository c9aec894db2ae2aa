// What the launcher of sum_rows (native/src/cuda/sum_rows.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kSumRowsThreads = 256;
constexpr int kSumRowsColumns = 16; // of a block

struct SumRowsArguments {
    const void* x;
    float* y;
    int64_t rows, width, x_stride;
    bool accumulate;
};

} // namespace gimbal
