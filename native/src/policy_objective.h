// The checks of gb_policy_objective that all its ops share.
#pragma once

#include "op.h"

namespace gimbal {

inline void require_objective(const Arguments& check, const gb_policy_objective* objective) {
    check.pointer("objective", objective);
    const gb_policy_objective& o = *objective;
    check.require(o.struct_size == static_cast<int32_t>(sizeof o), "objective.struct_size",
                  "the size of gb_policy_objective", o.struct_size);
    check.require(o.surrogate >= GB_SURROGATE_CLIP && o.surrogate <= GB_SURROGATE_VESPO, "objective.surrogate",
                  "a GB_SURROGATE_*", o.surrogate);
    check.require(o.kl_estimator >= GB_KL_K1 && o.kl_estimator <= GB_KL_K3, "objective.kl_estimator", "1, 2 or 3",
                  o.kl_estimator);
    check.flag("objective.correct_kl", o.correct_kl);
    check.require(o.clip_low >= 0 && o.clip_low <= 1, "objective.clip_low", "0 to 1", o.clip_low);
    check.require(o.clip_high >= 0, "objective.clip_high", "at least 0", o.clip_high);
    check.require(o.delta == o.delta, "objective.delta", "a number, or 0 for none", o.delta);
    check.require(o.dual_clip == o.dual_clip, "objective.dual_clip", "a number, or 0 for none", o.dual_clip);
    check.finite("objective.beta", o.beta);
    const bool has_sides = o.surrogate == GB_SURROGATE_SAPO || o.surrogate == GB_SURROGATE_VESPO;
    check.require(!has_sides || o.positive > 0, "objective.positive", "above 0", o.positive);
    check.require(!has_sides || o.negative > 0, "objective.negative", "above 0", o.negative);
}

} // namespace gimbal
