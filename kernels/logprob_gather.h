// What the launchers of logprob_gather (native/src/cuda/logprob_gather.cpp) hand their kernels.
#pragma once

#include "common/fault.h"
#include "common/log_sum_exp_shape.h"

#include <cstdint>

namespace gimbal {

constexpr int kLogprobBackwardThreads = 256;
constexpr int64_t kLogprobBackwardChunk = 4096; // logits of a row to a block

struct LogprobGatherArguments {
    const void* logits;
    const int32_t* targets;
    float* logprob;
    float* entropy; // nullable
    float* lse;     // nullable
    int64_t vocabulary, logits_stride;
    float inverse_temperature;
    FaultSite fault;
};

struct LogprobGatherBackwardArguments {
    const void* logits;
    const int32_t* targets;
    const float* lse;
    const float* entropy; // nullable, with dentropy
    const float* dlogprob;
    const float* dentropy;
    void* dlogits;
    int64_t vocabulary, logits_stride;
    int64_t chunks; // of a row
    float inverse_temperature;
    FaultSite fault;
};

} // namespace gimbal
