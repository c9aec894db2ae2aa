// What the launcher of scale (native/src/cuda/scale.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kScaleThreads = 256;

struct ScaleArguments {
    float* x;
    int64_t count;
    float factor;
};

} // namespace gimbal
