// What the launcher of nll_loss (native/src/cuda/nll_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kNllLossStatistics = 3;

struct NllLossArguments {
    const float *logprobs, *weights;
    float *losses, *dlogprobs;
    StatisticsSite statistics;
    int64_t count;
    float power;
};

} // namespace gimbal
