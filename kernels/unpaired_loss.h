// What the launcher of unpaired_loss (native/src/cuda/unpaired_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kUnpairedLossStatistics = 6;

struct UnpairedLossArguments {
    const float *logprobs, *ref_logprobs;
    const uint8_t* desirable;
    const float* weights;
    float *losses, *dlogprobs;
    StatisticsSite statistics;
    int64_t count;
    float beta, shift;
    bool kto; // else BCO
};

} // namespace gimbal
