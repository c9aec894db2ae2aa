// Transposes 16 x 16 floats held in sixteen vectors.
#pragma once

#include "cpu/simd.h"

namespace gimbal::GB_ISA {

#if defined(GB_ISA_V4)

GB_INLINE __m512 unpack_pairs(__m512 a, __m512 b, bool high) {
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
}

// Afterwards r[i] lane j is what r[j] lane i was. First within quarters of four lanes, then the quarters themselves.
GB_INLINE void transpose(F16 (&r)[16]) {
    __m512 w[16];
    for (int g = 0; g < 16; g += 4) {
        const __m512 low01 = _mm512_unpacklo_ps(r[g].v, r[g + 1].v), high01 = _mm512_unpackhi_ps(r[g].v, r[g + 1].v);
        const __m512 low23 = _mm512_unpacklo_ps(r[g + 2].v, r[g + 3].v);
        const __m512 high23 = _mm512_unpackhi_ps(r[g + 2].v, r[g + 3].v);
        w[g] = unpack_pairs(low01, low23, false);
        w[g + 1] = unpack_pairs(low01, low23, true);
        w[g + 2] = unpack_pairs(high01, high23, false);
        w[g + 3] = unpack_pairs(high01, high23, true);
    }
    for (int c = 0; c < 4; ++c) {
        const __m512 top_low = _mm512_shuffle_f32x4(w[c], w[4 + c], 0x44);
        const __m512 top_high = _mm512_shuffle_f32x4(w[c], w[4 + c], 0xee);
        const __m512 bottom_low = _mm512_shuffle_f32x4(w[8 + c], w[12 + c], 0x44);
        const __m512 bottom_high = _mm512_shuffle_f32x4(w[8 + c], w[12 + c], 0xee);
        r[c].v = _mm512_shuffle_f32x4(top_low, bottom_low, 0x88);
        r[4 + c].v = _mm512_shuffle_f32x4(top_low, bottom_low, 0xdd);
        r[8 + c].v = _mm512_shuffle_f32x4(top_high, bottom_high, 0x88);
        r[12 + c].v = _mm512_shuffle_f32x4(top_high, bottom_high, 0xdd);
    }
}

#elif defined(GB_ISA_V3)

GB_INLINE __m256 unpack_pairs(__m256 a, __m256 b, bool high) {
    const __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);
    return _mm256_castpd_ps(high ? _mm256_unpackhi_pd(x, y) : _mm256_unpacklo_pd(x, y));
}

GB_INLINE void transpose8(__m256 (&r)[8]) {
    __m256 w[8];
    for (int g = 0; g < 8; g += 4) {
        const __m256 low01 = _mm256_unpacklo_ps(r[g], r[g + 1]), high01 = _mm256_unpackhi_ps(r[g], r[g + 1]);
        const __m256 low23 = _mm256_unpacklo_ps(r[g + 2], r[g + 3]), high23 = _mm256_unpackhi_ps(r[g + 2], r[g + 3]);
        w[g] = unpack_pairs(low01, low23, false);
        w[g + 1] = unpack_pairs(low01, low23, true);
        w[g + 2] = unpack_pairs(high01, high23, false);
        w[g + 3] = unpack_pairs(high01, high23, true);
    }
    for (int c = 0; c < 4; ++c) {
        r[c] = _mm256_permute2f128_ps(w[c], w[4 + c], 0x20);
        r[4 + c] = _mm256_permute2f128_ps(w[c], w[4 + c], 0x31);
    }
}

// Afterwards r[i] lane j is what r[j] lane i was, quarter by quarter.
GB_INLINE void transpose(F16 (&r)[16]) {
    __m256 low_low[8], low_high[8], high_low[8], high_high[8];
    for (int i = 0; i < 8; ++i) {
        low_low[i] = r[i].lo;
        low_high[i] = r[i].hi;
        high_low[i] = r[8 + i].lo;
        high_high[i] = r[8 + i].hi;
    }
    transpose8(low_low);
    transpose8(low_high);
    transpose8(high_low);
    transpose8(high_high);
    for (int i = 0; i < 8; ++i) {
        r[i] = {low_low[i], high_low[i]};
        r[8 + i] = {low_high[i], high_high[i]};
    }
}

#else

// Afterwards r[i] lane j is what r[j] lane i was.
GB_INLINE void transpose(F16 (&r)[16]) {
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < i; ++j) {
            const float kept = r[i].v[j];
            r[i].v[j] = r[j].v[i];
            r[j].v[i] = kept;
        }
}

#endif

} // namespace gimbal::GB_ISA
