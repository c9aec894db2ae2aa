// float in the place of a vector: what the formulas of common/ need, on the GPU. Each function gives the bits of the
// CPU's lanes (native/src/cpu/simd.h), so that a float32 op whose order of additions is the CPU's has the CPU's bits.
#pragma once

#include "simt/simt.h"

#define GB_ISA device
#define GB_INLINE GB_DEVICE

namespace gimbal::device {

constexpr float kInfinity = __builtin_huge_valf();

// The second operand if either is NaN, as on the CPU.
GB_DEVICE float max(float a, float b) {
    return a > b ? a : b;
}
GB_DEVICE float min(float a, float b) {
    return a < b ? a : b;
}
GB_DEVICE float abs(float a) {
    return fabsf(a);
}
GB_DEVICE float fma(float a, float b, float c) {
    return fmaf(a, b, c);
}
GB_DEVICE float sqrt(float a) {
    return sqrtf(a);
}
GB_DEVICE float select(bool mask, float yes, float no) {
    return mask ? yes : no;
}
// |x| up to 2^22 (exp needs no more): past 1.5 2^23 a float has no fraction left. Two additions instead of a conversion,
// which a GPU does at a quarter of the rate.
constexpr float kIntegersFrom = 12582912.0f;
GB_DEVICE float round_even(float x) {
    return (x + kIntegersFrom) - kIntegersFrom;
}

// y 2^n, by adding n to the exponent of y: both numbers are normal. Any value for NaN, which the caller selects away.
GB_DEVICE float times_power_of_two(float y, float n) {
    return __uint_as_float(__float_as_uint(y) + (__float_as_uint(n + kIntegersFrom) << 23));
}

// For positive normal x = m 2^e with m in [1, 2): e as a float, and m.
GB_DEVICE float exponent(float x) {
    return static_cast<float>(static_cast<int>(__float_as_uint(x) >> 23) - 127);
}
GB_DEVICE float mantissa(float x) {
    return __uint_as_float((__float_as_uint(x) & 0x007fffffu) | 0x3f800000u);
}

GB_DEVICE float copysign(float magnitude, float sign) {
    return __uint_as_float((__float_as_uint(magnitude) & 0x7fffffffu) | (__float_as_uint(sign) & 0x80000000u));
}

} // namespace gimbal::device

#include "common/math.h"

namespace gimbal::device {

template <> GB_INLINE float constant<float>(float x) {
    return x;
}

} // namespace gimbal::device
