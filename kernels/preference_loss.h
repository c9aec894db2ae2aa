// What the launcher of preference_loss (native/src/cuda/preference_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

// In the order of GB_PREFERENCE_*.
enum class PairForm : int32_t {
    sigmoid,
    robust,
    hinge,
    ipo,
    exo,
    nca,
    bco,
    apo_zero,
    apo_down,
    sppo,
    discopop,
    odds_ratio
};

constexpr int64_t kPreferenceLossStatistics = 6;

struct PreferenceLossArguments {
    const float *chosen, *rejected, *ref_chosen, *ref_rejected, *weights;
    float *losses, *dchosen, *drejected;
    StatisticsSite statistics;
    int64_t pairs;
    PairForm form;
    int32_t divergence; // GB_DIVERGENCE_*
    float beta, label_smoothing, margin, temperature, alpha, coefficient;
};

} // namespace gimbal
