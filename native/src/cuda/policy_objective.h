// gb_policy_objective for the kernels.
#pragma once

#include "gimbal.h"

#include "common/policy_objective.h"

namespace gimbal {

inline PolicyObjective policy_objective(const gb_policy_objective& o) {
    return {.surrogate = o.surrogate,
            .kl_estimator = o.kl_estimator,
            .correct_kl = o.correct_kl,
            .clip_low = o.clip_low,
            .clip_high = o.clip_high,
            .delta = o.delta,
            .dual_clip = o.dual_clip,
            .positive = o.positive,
            .positive_rate = o.positive_rate,
            .negative = o.negative,
            .negative_rate = o.negative_rate,
            .beta = o.beta,
            .off_policy_threshold = o.off_policy_threshold};
}

} // namespace gimbal
