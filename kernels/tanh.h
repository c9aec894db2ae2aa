// What the launchers of tanh (native/src/cuda/tanh.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kTanhThreads = 256;

struct TanhArguments {
    const void* x;
    void* y;
    int64_t count;
};

struct TanhBackwardArguments {
    const void* dy;
    const void* y;
    void* dx;
    int64_t count;
};

} // namespace gimbal
