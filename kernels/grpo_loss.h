// What the launcher of grpo_loss (native/src/cuda/grpo_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kGrpoLossStatistics = 9;

struct GrpoLossArguments {
    const float *logprobs, *old_logprobs, *ref_logprobs, *advantages, *weights;
    float *losses, *dlogprobs;
    StatisticsSite statistics;
    int64_t count;
    float clip_low, clip_high, delta, beta;
};

} // namespace gimbal
