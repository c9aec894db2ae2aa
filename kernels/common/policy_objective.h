// The numbers of gb_policy_objective as a kernel gets them: shared by launchers and kernels.
#pragma once

#include <cstdint>

namespace gimbal {

struct PolicyObjective {
    int32_t surrogate;    // GB_SURROGATE_*
    int32_t kl_estimator; // 1, 2 or 3 for k1, k2, k3
    int32_t correct_kl;
    float clip_low, clip_high, delta, dual_clip; // the bounds are off at 0
    float positive, positive_rate, negative, negative_rate;
    float beta, off_policy_threshold;
};

} // namespace gimbal
