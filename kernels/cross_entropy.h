// What the launchers of cross_entropy (native/src/cuda/cross_entropy.cpp) hand their kernels.
#pragma once

#include "common/fault.h"
#include "common/log_sum_exp_shape.h"

#include <cstdint>

namespace gimbal {

constexpr int kCrossEntropyBackwardThreads = 256;
constexpr int64_t kCrossEntropyBackwardChunk = 4096; // logits of a row to a block

struct CrossEntropyArguments {
    const void* logits;
    const int32_t* targets;
    float* losses;
    float* lse;
    int64_t vocabulary, logits_stride;
    float label_smoothing;
    int32_t ignore_index;
    FaultSite fault;
};

struct CrossEntropyBackwardArguments {
    const void* logits;
    const int32_t* targets;
    const float* lse;
    const float* dlosses;
    void* dlogits;
    int64_t vocabulary, logits_stride;
    int64_t chunks; // of a row
    float label_smoothing;
    int32_t ignore_index;
    FaultSite fault;
};

} // namespace gimbal
