// What the launcher of sample_token (native/src/cuda/sample_token.cpp) hands its kernels.
#pragma once

#include "common/log_sum_exp_shape.h"

#include <cstdint>

namespace gimbal {

struct SampleTokenArguments {
    const void* logits;
    const int64_t* samples;
    const int32_t* positions;
    // Of the step state, on the device; null if greedy.
    const uint64_t* seed;
    const uint64_t* step;
    int32_t* tokens;
    float* logprob;           // nullable
    float* truncated_logprob; // nullable
    int64_t vocabulary, logits_stride;
    float inverse_temperature;
    int64_t top_k; // 0: off
    float top_p;   // 1: off
    float min_p;   // 0: off
    int32_t purpose;
    bool greedy;
};

} // namespace gimbal
