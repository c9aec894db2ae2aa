// The shared formulas of kernels/common, over sixteen lanes.
#pragma once

#include "cpu/simd.h"

#include "common/math.h"

namespace gimbal::GB_ISA {

template <> GB_INLINE F16 constant<F16>(float x) { return broadcast(x); }

#if defined(GB_ISA_V4)
// The shared exp, bit for bit, in fewer instructions: scalef overflows by itself from kExpHighest on, a mask gives the
// zeros, and a NaN passes through min, whose second operand it is.
GB_INLINE F16 exp(F16 x) {
    const F16 bounded = min(broadcast(89.0f), x);
    const F16 n = round_even(bounded * broadcast(kLog2E));
    const __mmask16 kept = _mm512_cmp_ps_mask(x.v, _mm512_set1_ps(kExpLowest), _CMP_NLT_UQ);
    return {_mm512_maskz_scalef_ps(kept, exp_series(bounded, n).v, n.v)};
}
#endif

// One value by the vector formula, so that a lone element has the bits of its lane.
GB_INLINE float first_lane(F16 x) {
    alignas(64) float v[16];
    store(v, x);
    return v[0];
}
GB_INLINE float exp1(float x) { return first_lane(exp(broadcast(x))); }
GB_INLINE float log1(float x) { return first_lane(log(broadcast(x))); }

} // namespace gimbal::GB_ISA
