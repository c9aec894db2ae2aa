// What the launcher of value_clip_loss (native/src/cuda/value_clip_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kValueClipLossStatistics = 4;

struct ValueClipLossArguments {
    const float *values, *old_values, *returns, *weights;
    float *losses, *dvalues;
    StatisticsSite statistics;
    int64_t count;
    float clip_range;
};

} // namespace gimbal
