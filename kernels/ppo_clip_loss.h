// What the launcher of ppo_clip_loss (native/src/cuda/ppo_clip_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kPpoClipLossStatistics = 8;

struct PpoClipLossArguments {
    const float *logprobs, *old_logprobs, *advantages, *weights;
    float *losses, *dlogprobs;
    StatisticsSite statistics;
    int64_t count;
    float clip_low, clip_high, dual_clip;
};

} // namespace gimbal
