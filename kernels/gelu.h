// What the launchers of gelu (native/src/cuda/gelu.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kGeluThreads = 256;

struct GeluArguments {
    const void* x;
    void* y;
    int64_t count;
};

struct GeluBackwardArguments {
    const void* dy;
    const void* x;
    void* dx;
    int64_t count;
};

} // namespace gimbal
