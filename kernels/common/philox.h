// Philox4x32-10 (Salmon et al. 2011): random numbers as a pure function of key and counter, the same on every device
// and in any order. Integers only, shared by all backends.
#pragma once

#include <cstdint>

namespace gimbal::GB_ISA {

struct PhiloxCounter {
    uint32_t x0, x1, x2, x3;
};

GB_INLINE PhiloxCounter philox4x32_10(PhiloxCounter c, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53} * c.x0, b = uint64_t{0xCD9E8D57} * c.x2;
        c = {static_cast<uint32_t>(b >> 32) ^ c.x1 ^ key0, static_cast<uint32_t>(b),
             static_cast<uint32_t>(a >> 32) ^ c.x3 ^ key1, static_cast<uint32_t>(a)};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return c;
}

// The draw of the project: key = seed; counter = purpose, step, sample, position, each by its low 32 bits.
GB_INLINE PhiloxCounter philox(uint64_t seed, int32_t purpose, uint64_t step, int64_t sample, int32_t position) {
    return philox4x32_10({static_cast<uint32_t>(purpose), static_cast<uint32_t>(step), static_cast<uint32_t>(sample),
                          static_cast<uint32_t>(position)},
                         static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

// In (0, 1), from the first 52 bits of a draw: neither end can be reached.
GB_INLINE double uniform(const PhiloxCounter& draw) {
    const uint64_t bits = uint64_t{draw.x0} << 20 | draw.x1 >> 12;
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

} // namespace gimbal::GB_ISA
