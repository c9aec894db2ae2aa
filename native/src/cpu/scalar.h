// float in the place of a vector, for the formulas of kernels/common that a backend also takes one element at a time.
#pragma once

#include "cpu/math.h"

namespace gimbal::GB_ISA {

template <> GB_INLINE float constant<float>(float x) {
    return x;
}
GB_INLINE float select(bool m, float yes, float no) {
    return m ? yes : no;
}
GB_INLINE float fma(float a, float b, float c) {
    return std::fma(a, b, c);
}

} // namespace gimbal::GB_ISA
