// What the launcher of whiten (native/src/cuda/whiten.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

// The mean of the kept ones of so many elements at the start is near enough to the whole mean that sums of differences
// from it lose no digits.
constexpr int kWhitenPivotElements = 256;
constexpr int64_t kWhitenSums = 3; // elements, differences from the pivot, their squares
// Workspace beside the partial sums: what the blocks that write must know.
constexpr int64_t kWhitenResultBytes = 64;

struct WhitenArguments {
    const float* x;
    const uint8_t* mask;
    float* y;
    double* moments;
    double* partials; // (blocks, kWhitenSums)
    void* result;
    unsigned* tickets; // four
    Cut cut;
    int64_t count;
    float epsilon;
    int32_t ddof, keep_mean;
};

} // namespace gimbal
