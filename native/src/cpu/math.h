// The shared formulas of kernels/common, over sixteen lanes.
#pragma once

#include "cpu/simd.h"

#include "common/math.h"

namespace gimbal::GB_ISA {

template <> GB_INLINE F16 constant<F16>(float x) { return broadcast(x); }

// One value by the vector formula, so that a lone element has the bits of its lane.
GB_INLINE float first_lane(F16 x) {
    alignas(64) float v[16];
    store(v, x);
    return v[0];
}
GB_INLINE float exp1(float x) { return first_lane(exp(broadcast(x))); }
GB_INLINE float log1(float x) { return first_lane(log(broadcast(x))); }

} // namespace gimbal::GB_ISA
