// What the launcher of clipped_value_loss (native/src/cuda/clipped_value_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kClippedValueLossStatistics = 4;

struct ClippedValueLossArguments {
    const float *values, *old_values, *returns, *weights;
    float *losses, *dvalues;
    StatisticsSite statistics;
    int64_t count;
    float clip_range;
};

} // namespace gimbal
