// What the launcher of grad_max (native/src/cuda/grad_max.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kGradMaxThreads = 256;
constexpr int64_t kGradMaxBlocks = 1024; // at most; the workspace holds the largest of each

struct GradMaxArguments {
    const float* gradients;
    // Of the step state, on the device.
    float* gradient_norm;
    float* clip_coefficient;
    unsigned* largest; // of the blocks
    unsigned* ticket;
    int64_t count;
    float max_norm;
};

} // namespace gimbal
