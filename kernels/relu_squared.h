// What the launchers of relu_squared (native/src/cuda/relu_squared.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kReluSquaredThreads = 256;

struct ReluSquaredArguments {
    const void* x;
    void* y;
    int64_t count;
};

struct ReluSquaredBackwardArguments {
    const void *dy, *x;
    void* dx;
    int64_t count;
};

} // namespace gimbal
