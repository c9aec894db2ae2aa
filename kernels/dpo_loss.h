// What the launcher of dpo_loss (native/src/cuda/dpo_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kDpoLossStatistics = 6;

struct DpoLossArguments {
    const float *chosen, *rejected, *ref_chosen, *ref_rejected, *weights;
    float *losses, *dchosen, *drejected;
    StatisticsSite statistics;
    int64_t pairs;
    float beta, label_smoothing;
};

} // namespace gimbal
