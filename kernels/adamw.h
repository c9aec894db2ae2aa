// What the launcher of adamw (native/src/cuda/adamw.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kAdamwThreads = 256;

struct AdamwArguments {
    float* weights;
    const float* gradients;
    float* m;
    float* v;
    void* copy; // nullable
    // Of the step state, on the device.
    const float* learning_rate;
    const float* bias_correction1;
    const float* bias_correction2;
    const float* clip_coefficient;
    int64_t count, decay_count;
    float beta1, beta2, epsilon, weight_decay;
};

} // namespace gimbal
