// What the launchers of tanh (native/src/cuda/tanh.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kTanhThreads = 256;

struct TanhArguments {
    const float* x;
    float* y;
    int64_t count;
};

struct TanhBackwardArguments {
    const float* dy;
    const float* y;
    float* dx;
    int64_t count;
};

} // namespace gimbal
