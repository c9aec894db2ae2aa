// What the launchers of sequence_ratio (native/src/cuda/sequence_ratio.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kSequenceRatioThreads = 256;
constexpr int kSequenceRatioSegments = kSequenceRatioThreads / 16; // of a block

struct SequenceRatioArguments {
    const float *logprobs, *old_logprobs, *weights;
    const int32_t* starts;
    float* log_ratios;
    int64_t count, segments;
    float clamp;
    bool mean;
    FaultSite fault;
};

struct SequenceRatioBackwardArguments {
    const float *dlog_ratios, *weights;
    const int32_t* starts;
    float* dlogprobs;
    int64_t count, segments;
    bool mean, accumulate;
    FaultSite fault;
};

} // namespace gimbal
