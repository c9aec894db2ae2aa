// Masks and flags, one byte each.
#pragma once

#include "cpu/simd.h"

#include <cstring>

namespace gimbal::GB_ISA {

GB_INLINE F16 load_bytes(const uint8_t* p, Full) {
#if defined(GB_ISA_V4)
    return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
#elif defined(GB_ISA_V3)
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8))))};
#else
    return lanewise([&](int i) { return static_cast<float>(p[i]); });
#endif
}

GB_INLINE F16 load_bytes(const uint8_t* p, int n) {
    uint8_t bytes[16] = {};
    std::memcpy(bytes, p, static_cast<std::size_t>(n));
    return load_bytes(bytes, Full{});
}

// Which of the n elements from i on are left out: those of mask 0 (null: none) and the lanes past the end.
template <class Lanes> GB_INLINE M16 masked_out(const uint8_t* mask, int64_t i, Lanes n) {
    alignas(16) static constexpr uint8_t kOnes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return load_bytes(mask == nullptr ? kOnes : mask + i, n) == zero();
}

// How many of the elements begin..end-1 are of mask 1.
GB_INLINE int64_t kept(const uint8_t* mask, int64_t begin, int64_t end) {
    if (mask == nullptr) return end - begin;
    int64_t sum = 0;
    for (int64_t i = begin; i < end; ++i)
        sum += mask[i] != 0 ? 1 : 0;
    return sum;
}

} // namespace gimbal::GB_ISA
