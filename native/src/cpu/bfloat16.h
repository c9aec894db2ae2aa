// bfloat16 in memory, float32 in registers; and pairs of bfloat16 in the 32-bit words of a vector, for products.
#pragma once

#include "cpu/simd.h"

#include <cstring>

namespace gimbal::GB_ISA {

// The upper half of a float.
struct bf16 {
    uint16_t bits;
};

#if defined(GB_ISA_V4) || defined(GB_ISA_V3)

// Sixteen of them.
struct H16 {
    __m256i v;
};

GB_INLINE H16 zero_halves() {
    return {_mm256_setzero_si256()};
}
GB_INLINE H16 load_halves(const bf16* p, Full = {}) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
GB_INLINE void store_halves(bf16* p, H16 a, Full = {}) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}

#else

struct H16 {
    uint16_t v[16];
};

GB_INLINE H16 zero_halves() {
    return {};
}
GB_INLINE H16 load_halves(const bf16* p, Full = {}) {
    H16 y;
    std::memcpy(&y, p, sizeof y);
    return y;
}
GB_INLINE void store_halves(bf16* p, H16 a, Full = {}) {
    std::memcpy(p, &a, sizeof a);
}

#endif

#if defined(GB_ISA_V4)

GB_INLINE H16 load_halves(const bf16* p, int n) {
    return {_mm256_maskz_loadu_epi16(lanes_mask(n), p)};
}
GB_INLINE void store_halves(bf16* p, H16 a, int n) {
    _mm256_mask_storeu_epi16(p, lanes_mask(n), a.v);
}
GB_INLINE F16 words(__m512i x) {
    return {_mm512_castsi512_ps(x)};
}
GB_INLINE F16 widen(H16 a) {
    return words(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a.v), 16));
}
// To nearest, a half to even. A NaN stays one.
GB_INLINE H16 narrow(F16 a) {
    const __m512i x = _mm512_castps_si512(a.v), half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(x, 16), one);
    const __m512i rounded = _mm512_add_epi32(x, _mm512_add_epi32(half, odd));
    const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
    const __m512i y = _mm512_mask_or_epi32(rounded, nan, x, _mm512_set1_epi32(0x00400000));
    return {_mm512_cvtepi32_epi16(_mm512_srli_epi32(y, 16))};
}
// Words (a0, a1), (a2, a3), ..., (b14, b15); the lower half of a word is its first element.
GB_INLINE F16 pairs(H16 a, H16 b) {
    return words(_mm512_inserti64x4(_mm512_castsi256_si512(a.v), b.v, 1));
}
// Words (a0, b0), (a1, b1), ..., (a15, b15).
GB_INLINE F16 interleave(H16 a, H16 b) {
    return words(_mm512_or_si512(_mm512_cvtepu16_epi32(a.v), _mm512_slli_epi32(_mm512_cvtepu16_epi32(b.v), 16)));
}
// The first, and the second, element of each word.
GB_INLINE F16 first_of_pair(F16 a) {
    return words(_mm512_slli_epi32(_mm512_castps_si512(a.v), 16));
}
GB_INLINE F16 second_of_pair(F16 a) {
    return words(_mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}

#elif defined(GB_ISA_V3)

GB_INLINE H16 load_halves(const bf16* p, int n) {
    alignas(32) bf16 some[16] = {};
    std::memcpy(some, p, static_cast<std::size_t>(n) * sizeof(bf16));
    return load_halves(some);
}
GB_INLINE void store_halves(bf16* p, H16 a, int n) {
    alignas(32) bf16 some[16];
    store_halves(some, a);
    std::memcpy(p, some, static_cast<std::size_t>(n) * sizeof(bf16));
}
GB_INLINE F16 words(__m256i lo, __m256i hi) {
    return {_mm256_castsi256_ps(lo), _mm256_castsi256_ps(hi)};
}
GB_INLINE __m256i lower_words(H16 a) {
    return _mm256_cvtepu16_epi32(_mm256_castsi256_si128(a.v));
}
GB_INLINE __m256i upper_words(H16 a) {
    return _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a.v, 1));
}
GB_INLINE F16 widen(H16 a) {
    return words(_mm256_slli_epi32(lower_words(a), 16), _mm256_slli_epi32(upper_words(a), 16));
}
GB_INLINE __m256i narrow_half(__m256 a) {
    const __m256i x = _mm256_castps_si256(a), half = _mm256_set1_epi32(0x7fff), one = _mm256_set1_epi32(1);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(x, 16), one);
    const __m256i rounded = _mm256_add_epi32(x, _mm256_add_epi32(half, odd));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    const __m256i quiet = _mm256_or_si256(x, _mm256_set1_epi32(0x00400000));
    return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
}
GB_INLINE H16 narrow(F16 a) {
    return {_mm256_permute4x64_epi64(_mm256_packus_epi32(narrow_half(a.lo), narrow_half(a.hi)), 0xd8)};
}
GB_INLINE F16 pairs(H16 a, H16 b) {
    return words(a.v, b.v);
}
GB_INLINE F16 interleave(H16 a, H16 b) {
    return words(_mm256_or_si256(lower_words(a), _mm256_slli_epi32(lower_words(b), 16)),
                 _mm256_or_si256(upper_words(a), _mm256_slli_epi32(upper_words(b), 16)));
}
GB_INLINE F16 first_of_pair(F16 a) {
    return words(_mm256_slli_epi32(_mm256_castps_si256(a.lo), 16), _mm256_slli_epi32(_mm256_castps_si256(a.hi), 16));
}
GB_INLINE F16 second_of_pair(F16 a) {
    const __m256 upper = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000u)));
    return {_mm256_and_ps(a.lo, upper), _mm256_and_ps(a.hi, upper)};
}

#else

GB_INLINE H16 load_halves(const bf16* p, int n) {
    H16 y{};
    std::memcpy(&y, p, static_cast<std::size_t>(n) * sizeof(bf16));
    return y;
}
GB_INLINE void store_halves(bf16* p, H16 a, int n) {
    std::memcpy(p, &a, static_cast<std::size_t>(n) * sizeof(bf16));
}
GB_INLINE float from_words(uint32_t upper, uint32_t lower) {
    return std::bit_cast<float>(upper << 16 | lower);
}
GB_INLINE F16 widen(H16 a) {
    return lanewise([&](int i) { return from_words(a.v[i], 0); });
}
GB_INLINE H16 narrow(F16 a) {
    H16 y;
    for (int i = 0; i < 16; ++i) {
        const uint32_t x = std::bit_cast<uint32_t>(a.v[i]);
        const uint32_t rounded = a.v[i] != a.v[i] ? x | 0x00400000u : x + 0x7fffu + (x >> 16 & 1u);
        y.v[i] = static_cast<uint16_t>(rounded >> 16);
    }
    return y;
}
GB_INLINE F16 pairs(H16 a, H16 b) {
    return lanewise([&](int i) {
        const uint16_t* v = i < 8 ? a.v + 2 * i : b.v + 2 * (i - 8);
        return from_words(v[1], v[0]);
    });
}
GB_INLINE F16 interleave(H16 a, H16 b) {
    return lanewise([&](int i) { return from_words(b.v[i], a.v[i]); });
}
GB_INLINE F16 first_of_pair(F16 a) {
    return lanewise([&](int i) { return std::bit_cast<float>(std::bit_cast<uint32_t>(a.v[i]) << 16); });
}
GB_INLINE F16 second_of_pair(F16 a) {
    return lanewise([&](int i) { return std::bit_cast<float>(std::bit_cast<uint32_t>(a.v[i]) & 0xffff0000u); });
}

#endif

GB_INLINE F16 load(const bf16* p, Full = {}) {
    return widen(load_halves(p));
}
GB_INLINE F16 load(const bf16* p, int n) {
    return widen(load_halves(p, n));
}
GB_INLINE F16 load(const bf16* p, Full, float) {
    return load(p);
}
GB_INLINE F16 load(const bf16* p, int n, float fill) {
    return select(lanes_below(n), load(p, n), broadcast(fill));
}
GB_INLINE void store(bf16* p, F16 a, Full = {}) {
    store_halves(p, narrow(a));
}
GB_INLINE void store(bf16* p, F16 a, int n) {
    store_halves(p, narrow(a), n);
}

// Lone elements.
GB_INLINE float load1(const float* p) {
    return *p;
}
GB_INLINE float load1(const bf16* p) {
    return std::bit_cast<float>(static_cast<uint32_t>(p->bits) << 16);
}
GB_INLINE void store1(float* p, float x) {
    *p = x;
}
GB_INLINE void store1(bf16* p, float x) {
    store(p, broadcast(x), 1);
}

} // namespace gimbal::GB_ISA
