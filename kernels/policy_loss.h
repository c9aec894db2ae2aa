// What the launcher of policy_loss (native/src/cuda/policy_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kPolicyLossStatistics = 9;

struct PolicyLossArguments {
    const float *logprobs, *old_logprobs, *log_ratios, *ref_logprobs, *advantages, *corrections, *drifts, *weights;
    float *losses, *dlogprobs, *dlog_ratios;
    StatisticsSite statistics;
    int64_t count;
    int32_t kl_estimator; // 1, 2 or 3 for k1, k2, k3
    bool correct_kl;
    float clip_low, clip_high, delta, dual_clip; // the bounds are off at 0
    float positive, positive_rate, negative, negative_rate;
    float beta, off_policy_threshold;
};

} // namespace gimbal
