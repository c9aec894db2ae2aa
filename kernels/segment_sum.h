// What the launchers of segment_sum (native/src/cuda/segment_sum.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kSegmentThreads = 256;
constexpr int kSegmentsOfBlock = kSegmentThreads / 16;

struct SegmentSumArguments {
    const float* x;
    const int32_t* starts;
    float* y;
    int64_t count, segments;
    FaultSite fault;
};

struct SegmentSumBackwardArguments {
    const float* dy;
    const int32_t* starts;
    float* dx;
    int64_t count, segments;
    FaultSite fault;
};

} // namespace gimbal
