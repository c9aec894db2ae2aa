// What top-k, top-p and min-p select by, on every backend: floats as integers in their order, and probabilities as
// integers, so that sums of them do not depend on the order and all devices keep the same tokens.
#pragma once

#include <cstdint>

namespace gimbal::GB_ISA {

// The key of a float other than -0 from its bits, and back.
GB_INLINE uint32_t ordered_key_of_bits(uint32_t bits) {
    return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}
GB_INLINE uint32_t bits_of_ordered_key(uint32_t key) {
    return key ^ ((key >> 31) != 0 ? 0x80000000u : 0xffffffffu);
}

// Selection goes by three digits of the key, the highest first.
constexpr int kDigits = 3;
constexpr int kBuckets = 2048; // at most
GB_INLINE int digit_shift(int digit) {
    return digit == 0 ? 21 : digit == 1 ? 10 : 0;
}
GB_INLINE uint32_t digit_size(int digit) {
    return digit < 2 ? 2048 : 1024;
}

// The unit in which p <= 1 is counted, a power of two: as fine as a vocabulary's worth of them fits 62 bits.
GB_INLINE float mass_scale(int64_t vocabulary) {
    int bits = 0;
    while ((vocabulary >> bits) != 0)
        ++bits;
    return static_cast<float>(int64_t{1} << (62 - bits));
}
GB_INLINE uint64_t mass_of(float p, float scale) {
    return static_cast<uint64_t>(static_cast<int64_t>(p * scale));
}
// The tail that top-p takes away weighs at most this.
GB_INLINE uint64_t tail_mass(float top_p, uint64_t total) {
    return static_cast<uint64_t>(
        static_cast<int64_t>((1.0 - static_cast<double>(top_p)) * static_cast<double>(static_cast<int64_t>(total))));
}

} // namespace gimbal::GB_ISA
