// Masks and flags, one byte each, four at a time where the address allows it.
#pragma once

#include "common/vec.h"

namespace gimbal::device {

// Bit j: byte j of the word is not 0.
GB_DEVICE unsigned nonzero_bytes(unsigned word) {
    unsigned bits = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j)
        bits |= (word >> 8 * j & 0xffu) != 0 ? 1u << j : 0u;
    return bits;
}

// Bit j: flag at + j is set. A null array is all set.
GB_DEVICE unsigned load_mask(const uint8_t* p, int64_t at, Width<1>) {
    return p == nullptr || p[at] != 0 ? 1u : 0u;
}
GB_DEVICE unsigned load_mask(const uint8_t* p, int64_t at, Width<4>) {
    return p == nullptr ? 15u : nonzero_bytes(*reinterpret_cast<const unsigned*>(p + at));
}

} // namespace gimbal::device
