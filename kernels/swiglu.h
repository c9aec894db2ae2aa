// What the launchers of swiglu (native/src/cuda/swiglu.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kSwigluThreads = 256;

struct SwigluArguments {
    const float* x;
    float* y;
    int64_t rows, width;
};

struct SwigluBackwardArguments {
    const float* dy;
    const float* x;
    float* dx;
    int64_t rows, width;
};

} // namespace gimbal
