// What the launcher of skeleton (native/src/cuda/skeleton.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kSkeletonThreads = 256;

struct SkeletonArguments {
    const float* x;
    float* y;
    int64_t count;
    float factor;
};

} // namespace gimbal
