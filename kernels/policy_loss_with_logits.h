// What the launcher of policy_loss_with_logits (native/src/cuda/policy_loss_with_logits.cpp) hands its kernel.
#pragma once

#include "common/fault.h"
#include "common/log_sum_exp_shape.h"
#include "common/policy_objective.h"

#include <cstdint>

namespace gimbal {

// Of the kernel's static shared memory, at most.
constexpr int64_t kPolicyLossWithLogitsShared = 12 * 1024;

struct PolicyLossWithLogitsArguments {
    const void* logits;
    const int32_t* targets;
    const float *old_logprobs, *ref_logprobs, *advantages, *corrections, *weights; // ref, corrections, weights nullable
    float *logprobs, *entropies;                                                   // entropies nullable
    void* dlogits;
    int64_t vocabulary, logits_stride;
    int64_t held; // logits of a row that shared memory has room for: whole blocks of the vocabulary
    float inverse_temperature, entropy_coefficient;
    PolicyObjective objective;
    FaultSite fault;
};

} // namespace gimbal
