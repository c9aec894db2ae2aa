// What the launchers of softcap (native/src/cuda/softcap.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kSoftcapThreads = 256;

struct SoftcapArguments {
    const void* x;
    void* y;
    int64_t count;
    float scale, cap;
};

struct SoftcapBackwardArguments {
    const void *dy, *y;
    void* dx;
    int64_t count;
    float scale, cap;
};

} // namespace gimbal
