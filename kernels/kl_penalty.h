// What the launcher of kl_penalty (native/src/cuda/kl_penalty.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kKlPenaltyThreads = 256;

struct KlPenaltyArguments {
    const float *logprobs, *ref_logprobs;
    float *kl, *dlogprobs;
    int64_t count;
    float clamp;
    int32_t estimator; // 1, 2 or 3 for k1, k2, k3
};

} // namespace gimbal
