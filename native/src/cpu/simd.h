// Sixteen float32 lanes on every instruction set: one AVX-512 register, two AVX2 registers, or an array. All give the same
// bits: each operation is IEEE, fused multiply-adds are explicit, and reductions follow one tree.
//
// Lane j of a row holds the elements j, j + 16, j + 32, ...; a tail is loaded with the identity of the reduction in the
// missing lanes. No peeling by alignment, so a row's bits do not depend on its address.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#if defined(GB_ISA_V4) || defined(GB_ISA_V3)
#include <immintrin.h>
#endif

#if defined(_MSC_VER)
#define GB_INLINE __forceinline
#else
#define GB_INLINE inline __attribute__((always_inline))
#endif

namespace gimbal::GB_ISA {

constexpr int64_t kLanes = 16;
// Elements per task of an element-wise op: 64 KiB of float32.
constexpr int64_t kElementGrain = 16384;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A full vector, as opposed to a count of lanes known at run time.
struct Full {};

#if defined(GB_ISA_V4)

struct F16 {
    __m512 v;
};
struct M16 {
    __mmask16 v;
};

GB_INLINE __mmask16 lanes_mask(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
GB_INLINE F16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
GB_INLINE F16 load(const float* p, Full = {}) { return {_mm512_loadu_ps(p)}; }
GB_INLINE F16 load(const float* p, int n, float fill) { return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), lanes_mask(n), p)}; }
GB_INLINE void store(float* p, F16 a, Full = {}) { _mm512_storeu_ps(p, a.v); }
GB_INLINE void store(float* p, F16 a, int n) { _mm512_mask_storeu_ps(p, lanes_mask(n), a.v); }
GB_INLINE F16 operator+(F16 a, F16 b) { return {_mm512_add_ps(a.v, b.v)}; }
GB_INLINE F16 operator-(F16 a, F16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
GB_INLINE F16 operator*(F16 a, F16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
GB_INLINE F16 operator/(F16 a, F16 b) { return {_mm512_div_ps(a.v, b.v)}; }
GB_INLINE F16 operator-(F16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
GB_INLINE F16 fma(F16 a, F16 b, F16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
GB_INLINE F16 sqrt(F16 a) { return {_mm512_sqrt_ps(a.v)}; }
GB_INLINE F16 abs(F16 a) { return {_mm512_abs_ps(a.v)}; }
GB_INLINE F16 max(F16 a, F16 b) { return {_mm512_max_ps(a.v, b.v)}; }
GB_INLINE F16 min(F16 a, F16 b) { return {_mm512_min_ps(a.v, b.v)}; }
GB_INLINE F16 round_even(F16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
GB_INLINE M16 operator<(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
GB_INLINE M16 operator<=(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
GB_INLINE M16 operator==(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
GB_INLINE F16 select(M16 m, F16 yes, F16 no) { return {_mm512_mask_blend_ps(m.v, no.v, yes.v)}; }
GB_INLINE M16 operator&(M16 a, M16 b) { return {static_cast<__mmask16>(a.v & b.v)}; }
GB_INLINE M16 operator|(M16 a, M16 b) { return {static_cast<__mmask16>(a.v | b.v)}; }
GB_INLINE uint32_t bits(M16 m) { return m.v; }
// 2^n for integral n in -126..127.
GB_INLINE F16 power_of_two(F16 n) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23))};
}
GB_INLINE F16 times_power_of_two(F16 y, F16 n) { return {_mm512_scalef_ps(y.v, n.v)}; }
// For positive normal x = m 2^e with m in [1, 2): e as a float, and m.
GB_INLINE F16 exponent(F16 x) {
    return {_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(_mm512_castps_si512(x.v), 23), _mm512_set1_epi32(127)))};
}
GB_INLINE F16 mantissa(F16 x) {
    const __m512i m = _mm512_and_si512(_mm512_castps_si512(x.v), _mm512_set1_epi32(0x007fffff));
    return {_mm512_castsi512_ps(_mm512_or_si512(m, _mm512_set1_epi32(0x3f800000)))};
}
GB_INLINE F16 copysign(F16 magnitude, F16 sign) {
    return {_mm512_or_ps(_mm512_and_ps(_mm512_set1_ps(-0.0f), sign.v), _mm512_andnot_ps(_mm512_set1_ps(-0.0f), magnitude.v))};
}
GB_INLINE F16 gather(const float* base, const int32_t* index) {
    return {_mm512_i32gather_ps(_mm512_loadu_si512(index), base, 4)};
}

#elif defined(GB_ISA_V3)

struct F16 {
    __m256 lo, hi;
};
struct M16 {
    __m256 lo, hi;
};

GB_INLINE __m256i half_mask(int n) {
    alignas(32) static constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - (n < 0 ? 0 : n > 8 ? 8 : n)));
}
GB_INLINE F16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
GB_INLINE F16 load(const float* p, Full = {}) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
GB_INLINE F16 load(const float* p, int n, float fill) {
    const __m256i lo = half_mask(n), hi = half_mask(n - 8);
    const __m256 f = _mm256_set1_ps(fill);
    return {_mm256_blendv_ps(f, _mm256_maskload_ps(p, lo), _mm256_castsi256_ps(lo)),
            _mm256_blendv_ps(f, _mm256_maskload_ps(p + 8, hi), _mm256_castsi256_ps(hi))};
}
GB_INLINE void store(float* p, F16 a, Full = {}) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}
GB_INLINE void store(float* p, F16 a, int n) {
    _mm256_maskstore_ps(p, half_mask(n), a.lo);
    _mm256_maskstore_ps(p + 8, half_mask(n - 8), a.hi);
}
#define GB_BOTH(expression_lo, expression_hi) {expression_lo, expression_hi}
GB_INLINE F16 operator+(F16 a, F16 b) { return GB_BOTH(_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)); }
GB_INLINE F16 operator-(F16 a, F16 b) { return GB_BOTH(_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)); }
GB_INLINE F16 operator*(F16 a, F16 b) { return GB_BOTH(_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)); }
GB_INLINE F16 operator/(F16 a, F16 b) { return GB_BOTH(_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)); }
GB_INLINE F16 operator-(F16 a) {
    const __m256 s = _mm256_set1_ps(-0.0f);
    return GB_BOTH(_mm256_xor_ps(a.lo, s), _mm256_xor_ps(a.hi, s));
}
GB_INLINE F16 fma(F16 a, F16 b, F16 c) {
    return GB_BOTH(_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi));
}
GB_INLINE F16 sqrt(F16 a) { return GB_BOTH(_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)); }
GB_INLINE F16 abs(F16 a) {
    const __m256 s = _mm256_set1_ps(-0.0f);
    return GB_BOTH(_mm256_andnot_ps(s, a.lo), _mm256_andnot_ps(s, a.hi));
}
GB_INLINE F16 max(F16 a, F16 b) { return GB_BOTH(_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)); }
GB_INLINE F16 min(F16 a, F16 b) { return GB_BOTH(_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)); }
GB_INLINE F16 round_even(F16 a) {
    return GB_BOTH(_mm256_round_ps(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                   _mm256_round_ps(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
GB_INLINE M16 operator<(F16 a, F16 b) {
    return GB_BOTH(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ));
}
GB_INLINE M16 operator<=(F16 a, F16 b) {
    return GB_BOTH(_mm256_cmp_ps(a.lo, b.lo, _CMP_LE_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LE_OQ));
}
GB_INLINE M16 operator==(F16 a, F16 b) {
    return GB_BOTH(_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ));
}
GB_INLINE F16 select(M16 m, F16 yes, F16 no) {
    return GB_BOTH(_mm256_blendv_ps(no.lo, yes.lo, m.lo), _mm256_blendv_ps(no.hi, yes.hi, m.hi));
}
GB_INLINE M16 operator&(M16 a, M16 b) { return GB_BOTH(_mm256_and_ps(a.lo, b.lo), _mm256_and_ps(a.hi, b.hi)); }
GB_INLINE M16 operator|(M16 a, M16 b) { return GB_BOTH(_mm256_or_ps(a.lo, b.lo), _mm256_or_ps(a.hi, b.hi)); }
GB_INLINE uint32_t bits(M16 m) {
    return static_cast<uint32_t>(_mm256_movemask_ps(m.lo)) | static_cast<uint32_t>(_mm256_movemask_ps(m.hi)) << 8;
}
GB_INLINE __m256 power_of_two_half(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
GB_INLINE F16 power_of_two(F16 n) { return GB_BOTH(power_of_two_half(n.lo), power_of_two_half(n.hi)); }
GB_INLINE __m256 exponent_half(__m256 x) {
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(x), 23), _mm256_set1_epi32(127)));
}
GB_INLINE F16 exponent(F16 x) { return GB_BOTH(exponent_half(x.lo), exponent_half(x.hi)); }
GB_INLINE __m256 mantissa_half(__m256 x) {
    const __m256i m = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x007fffff));
    return _mm256_castsi256_ps(_mm256_or_si256(m, _mm256_set1_epi32(0x3f800000)));
}
GB_INLINE F16 mantissa(F16 x) { return GB_BOTH(mantissa_half(x.lo), mantissa_half(x.hi)); }
GB_INLINE __m256 copysign_half(__m256 magnitude, __m256 sign) {
    const __m256 s = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_and_ps(s, sign), _mm256_andnot_ps(s, magnitude));
}
GB_INLINE F16 copysign(F16 magnitude, F16 sign) {
    return GB_BOTH(copysign_half(magnitude.lo, sign.lo), copysign_half(magnitude.hi, sign.hi));
}
#undef GB_BOTH
GB_INLINE F16 gather(const float* base, const int32_t* index) {
    return {_mm256_i32gather_ps(base, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)), 4),
            _mm256_i32gather_ps(base, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + 8)), 4)};
}

#else

struct F16 {
    float v[16];
};
struct M16 {
    bool v[16];
};

template <class Function> GB_INLINE F16 lanewise(Function&& f) {
    F16 y;
    for (int i = 0; i < 16; ++i) y.v[i] = f(i);
    return y;
}
template <class Function> GB_INLINE M16 masked(Function&& f) {
    M16 y;
    for (int i = 0; i < 16; ++i) y.v[i] = f(i);
    return y;
}
GB_INLINE F16 broadcast(float x) {
    return lanewise([&](int) { return x; });
}
GB_INLINE F16 load(const float* p, Full = {}) {
    return lanewise([&](int i) { return p[i]; });
}
GB_INLINE F16 load(const float* p, int n, float fill) {
    return lanewise([&](int i) { return i < n ? p[i] : fill; });
}
GB_INLINE void store(float* p, F16 a, Full = {}) {
    for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
GB_INLINE void store(float* p, F16 a, int n) {
    for (int i = 0; i < n; ++i) p[i] = a.v[i];
}
GB_INLINE F16 operator+(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] + b.v[i]; });
}
GB_INLINE F16 operator-(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] - b.v[i]; });
}
GB_INLINE F16 operator*(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] * b.v[i]; });
}
GB_INLINE F16 operator/(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] / b.v[i]; });
}
GB_INLINE F16 operator-(F16 a) {
    return lanewise([&](int i) { return -a.v[i]; });
}
GB_INLINE F16 fma(F16 a, F16 b, F16 c) {
    return lanewise([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
GB_INLINE F16 sqrt(F16 a) {
    return lanewise([&](int i) { return std::sqrt(a.v[i]); });
}
GB_INLINE F16 abs(F16 a) {
    return lanewise([&](int i) { return std::fabs(a.v[i]); });
}
// As the instructions do: the second operand if either is NaN.
GB_INLINE F16 max(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
GB_INLINE F16 min(F16 a, F16 b) {
    return lanewise([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
GB_INLINE F16 round_even(F16 a) {
    return lanewise([&](int i) { return std::nearbyintf(a.v[i]); });
}
GB_INLINE M16 operator<(F16 a, F16 b) {
    return masked([&](int i) { return a.v[i] < b.v[i]; });
}
GB_INLINE M16 operator<=(F16 a, F16 b) {
    return masked([&](int i) { return a.v[i] <= b.v[i]; });
}
GB_INLINE M16 operator==(F16 a, F16 b) {
    return masked([&](int i) { return a.v[i] == b.v[i]; });
}
GB_INLINE F16 select(M16 m, F16 yes, F16 no) {
    return lanewise([&](int i) { return m.v[i] ? yes.v[i] : no.v[i]; });
}
GB_INLINE M16 operator&(M16 a, M16 b) {
    return masked([&](int i) { return a.v[i] && b.v[i]; });
}
GB_INLINE M16 operator|(M16 a, M16 b) {
    return masked([&](int i) { return a.v[i] || b.v[i]; });
}
GB_INLINE uint32_t bits(M16 m) {
    uint32_t y = 0;
    for (int i = 0; i < 16; ++i) y |= static_cast<uint32_t>(m.v[i]) << i;
    return y;
}
GB_INLINE F16 power_of_two(F16 n) {
    return lanewise([&](int i) {
        // Out of range for NaN: any value serves, the caller selects it away.
        const int32_t e = n.v[i] >= -127.0f && n.v[i] <= 128.0f ? static_cast<int32_t>(n.v[i]) : 0;
        return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23);
    });
}
GB_INLINE F16 exponent(F16 x) {
    return lanewise([&](int i) {
        return static_cast<float>(static_cast<int32_t>(std::bit_cast<uint32_t>(x.v[i]) >> 23) - 127);
    });
}
GB_INLINE F16 mantissa(F16 x) {
    return lanewise([&](int i) {
        return std::bit_cast<float>((std::bit_cast<uint32_t>(x.v[i]) & 0x007fffffu) | 0x3f800000u);
    });
}
GB_INLINE F16 copysign(F16 magnitude, F16 sign) {
    return lanewise([&](int i) { return std::copysign(magnitude.v[i], sign.v[i]); });
}
GB_INLINE F16 gather(const float* base, const int32_t* index) {
    return lanewise([&](int i) { return base[index[i]]; });
}

#endif

GB_INLINE F16 zero() { return broadcast(0.0f); }

constexpr int64_t kCacheLine = 64; // bytes

// A hint that the cache line of p will be wanted soon; any address will do. Written as assembly, since GCC takes a
// function that does nothing else for one that does nothing.
GB_INLINE void prefetch([[maybe_unused]] const void* p) {
#if defined(__GNUC__) && defined(__x86_64__)
    __asm__ volatile("prefetcht0 (%0)" : : "r"(p));
#endif
}
// The same into the second-level cache: for what is wanted later, or is more than the first holds.
GB_INLINE void prefetch_far([[maybe_unused]] const void* p) {
#if defined(__GNUC__) && defined(__x86_64__)
    __asm__ volatile("prefetcht1 (%0)" : : "r"(p));
#endif
}
GB_INLINE F16 load(const float* p, int n) { return load(p, n, 0.0f); }
GB_INLINE F16 load(const float* p, Full, float) { return load(p, Full{}); }
GB_INLINE M16 operator>(F16 a, F16 b) { return b < a; }
GB_INLINE M16 operator>=(F16 a, F16 b) { return b <= a; }

// Lanes below `limit` of the 16 lanes from `first` on.
GB_INLINE M16 lanes_below(int64_t limit, int64_t first = 0) {
    alignas(64) static constexpr float kIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return load(kIndex) < broadcast(static_cast<float>(limit - first));
}

// The fixed tree: lane i with i + 8, then + 4, + 2, + 1.
#if defined(GB_ISA_V4) || defined(GB_ISA_V3)
#if defined(GB_ISA_V4)
GB_INLINE __m256 lower(F16 a) { return _mm512_castps512_ps256(a.v); }
GB_INLINE __m256 upper(F16 a) { return _mm512_extractf32x8_ps(a.v, 1); }
#else
GB_INLINE __m256 lower(F16 a) { return a.lo; }
GB_INLINE __m256 upper(F16 a) { return a.hi; }
#endif
template <class Combine> GB_INLINE float reduce_eight(__m256 a, Combine&& combine) {
    const __m128 four = combine(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = combine(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(combine(two, _mm_movehdup_ps(two)));
}
GB_INLINE float reduce_add(F16 a) {
    return reduce_eight(_mm256_add_ps(lower(a), upper(a)), [](__m128 x, __m128 y) { return _mm_add_ps(x, y); });
}
GB_INLINE float reduce_max(F16 a) {
    return reduce_eight(_mm256_max_ps(lower(a), upper(a)), [](__m128 x, __m128 y) { return _mm_max_ps(x, y); });
}
#else
template <class Combine> GB_INLINE float reduce(F16 a, Combine&& combine) {
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) a.v[i] = combine(a.v[i], a.v[i + width]);
    return a.v[0];
}
GB_INLINE float reduce_add(F16 a) {
    return reduce(a, [](float x, float y) { return x + y; });
}
GB_INLINE float reduce_max(F16 a) {
    return reduce(a, [](float x, float y) { return x > y ? x : y; });
}
#endif

// Calls body(i, Full{}) for whole vectors of begin..end, then once body(i, n) with the n < 16 elements left.
template <class Body> GB_INLINE void for_lanes(int64_t begin, int64_t end, Body&& body) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) body(i, Full{});
    if (i < end) body(i, static_cast<int>(end - i));
}

} // namespace gimbal::GB_ISA
