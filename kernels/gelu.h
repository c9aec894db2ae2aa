// What the launchers of gelu (native/src/cuda/gelu.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kGeluThreads = 256;

struct GeluArguments {
    const float* x;
    float* y;
    int64_t count;
};

struct GeluBackwardArguments {
    const float* dy;
    const float* x;
    float* dx;
    int64_t count;
};

} // namespace gimbal
