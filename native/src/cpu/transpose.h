// A tile of 16 x 16 floats in registers or cache, for ops whose recursion runs along the rows of a matrix.
#pragma once

#include "cpu/bytes.h"
#include "cpu/simd.h"

namespace gimbal::GB_ISA {

#if defined(GB_ISA_V4)

GB_INLINE void transpose(F16 (&tile)[16]) {
    __m512 t[16];
    // Pairs, then fours, within each quarter; then the quarters.
    for (int i = 0; i < 16; i += 4) {
        const __m512 a = _mm512_unpacklo_ps(tile[i].v, tile[i + 1].v), b = _mm512_unpackhi_ps(tile[i].v, tile[i + 1].v);
        const __m512 c = _mm512_unpacklo_ps(tile[i + 2].v, tile[i + 3].v),
                     d = _mm512_unpackhi_ps(tile[i + 2].v, tile[i + 3].v);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        const __m512 a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88),
                     d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
        tile[i].v = _mm512_shuffle_f32x4(a, c, 0x88);
        tile[i + 4].v = _mm512_shuffle_f32x4(b, d, 0x88);
        tile[i + 8].v = _mm512_shuffle_f32x4(a, c, 0xdd);
        tile[i + 12].v = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

#elif defined(GB_ISA_V3)

GB_INLINE void transpose8(__m256 (&r)[8]) {
    __m256 t[8];
    for (int i = 0; i < 8; i += 4) {
        const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}

GB_INLINE void transpose(F16 (&tile)[16]) {
    __m256 a[8], b[8], c[8], d[8];
    for (int i = 0; i < 8; ++i) {
        a[i] = tile[i].lo;
        b[i] = tile[i].hi;
        c[i] = tile[i + 8].lo;
        d[i] = tile[i + 8].hi;
    }
    transpose8(a);
    transpose8(b);
    transpose8(c);
    transpose8(d);
    for (int i = 0; i < 8; ++i) {
        tile[i] = {a[i], c[i]};
        tile[i + 8] = {b[i], d[i]};
    }
}

#else

GB_INLINE void transpose(F16 (&tile)[16]) {
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < i; ++j) {
            const float x = tile[i].v[j];
            tile[i].v[j] = tile[j].v[i];
            tile[j].v[i] = x;
        }
}

#endif

// A hint that rows of memory will be wanted soon; any address will do. For walks that the processor does not foresee.
GB_INLINE void prefetch_rows(const void* first, int64_t stride_bytes, int rows) {
#if defined(__GNUC__)
    for (int i = 0; i < rows; ++i)
        __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(first) +
                                                         static_cast<std::uintptr_t>(i * stride_bytes)));
#else
    (void)first, (void)stride_bytes, (void)rows;
#endif
}

// The first `rows` rows of a tile from rows `stride` elements apart, n <= 16 elements of each, turned on their side:
// tile[j] then holds element j of every row. What is missing is 0.
template <class Element, class Load>
GB_INLINE void load_tile(const Element* first, int64_t stride, int rows, int n, F16 (&tile)[16], Load&& load_row) {
    if (rows < 16)
        for (int i = rows; i < 16; ++i)
            tile[i] = zero();
    if (n == 16) {
        for (int i = 0; i < rows; ++i)
            tile[i] = load_row(first + i * stride, Full{});
    } else {
        for (int i = 0; i < rows; ++i)
            tile[i] = load_row(first + i * stride, n);
    }
    transpose(tile);
}
GB_INLINE void load_tile(const float* first, int64_t stride, int rows, int n, F16 (&tile)[16]) {
    load_tile(first, stride, rows, n, tile, [](const float* p, auto lanes) { return load(p, lanes); });
}
GB_INLINE void load_tile(const uint8_t* first, int64_t stride, int rows, int n, F16 (&tile)[16]) {
    load_tile(first, stride, rows, n, tile, [](const uint8_t* p, auto lanes) { return load_bytes(p, lanes); });
}

GB_INLINE void store_tile(float* first, int64_t stride, int rows, int n, F16 (&tile)[16]) {
    transpose(tile);
    for (int i = 0; i < rows; ++i) {
        if (n == 16)
            store(first + i * stride, tile[i]);
        else
            store(first + i * stride, tile[i], n);
    }
}

} // namespace gimbal::GB_ISA
