// What the launchers of swiglu (native/src/cuda/swiglu.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kSwigluThreads = 256;

struct SwigluArguments {
    const void* x;
    void* y;
    int64_t rows, width;
};

struct SwigluBackwardArguments {
    const void* dy;
    const void* x;
    void* dx;
    int64_t rows, width;
};

} // namespace gimbal
