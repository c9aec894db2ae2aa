// What the launcher of policy_loss (native/src/cuda/policy_loss.cpp) hands its kernel.
#pragma once

#include "common/cut.h"
#include "common/policy_objective.h"

namespace gimbal {

constexpr int64_t kPolicyLossStatistics = 9;

struct PolicyLossArguments {
    const float *logprobs, *old_logprobs, *log_ratios, *ref_logprobs, *advantages, *corrections, *drifts, *weights;
    float *losses, *dlogprobs, *dlog_ratios;
    StatisticsSite statistics;
    int64_t count;
    PolicyObjective objective;
};

} // namespace gimbal
