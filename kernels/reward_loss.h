// What the launcher of reward_loss (native/src/cuda/reward_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kRewardLossStatistics = 6;

struct RewardLossArguments {
    const float *chosen, *rejected, *margins, *weights;
    float *losses, *dchosen, *drejected;
    StatisticsSite statistics;
    int64_t pairs;
    float center;
};

} // namespace gimbal
