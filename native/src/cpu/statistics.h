// Statistics of a pass over an array in the order of kernels/common/cut.h: sixteen double lanes and their tree for a
// block, blocks ascending in a piece, pieces ascending, so that the bits depend on the count alone.
#pragma once

#include "cpu/simd.h"
#include "cpu/team.h"

#include "common/cut.h"

namespace gimbal::GB_ISA {

#if defined(GB_ISA_V4)

struct D16 {
    __m512d lo = _mm512_setzero_pd(), hi = _mm512_setzero_pd();
    GB_INLINE void add(F16 x) {
        lo = _mm512_add_pd(lo, _mm512_cvtps_pd(_mm512_castps512_ps256(x.v)));
        hi = _mm512_add_pd(hi, _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1)));
    }
    // The square of a float is exact in double.
    GB_INLINE void add_square(F16 x) {
        const __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(x.v)),
                      b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1));
        lo = _mm512_fmadd_pd(a, a, lo);
        hi = _mm512_fmadd_pd(b, b, hi);
    }
    GB_INLINE void store(double* p) const {
        _mm512_storeu_pd(p, lo);
        _mm512_storeu_pd(p + 8, hi);
    }
};

#elif defined(GB_ISA_V3)

struct D16 {
    __m256d a = _mm256_setzero_pd(), b = _mm256_setzero_pd(), c = _mm256_setzero_pd(), d = _mm256_setzero_pd();
    GB_INLINE void add(F16 x) {
        a = _mm256_add_pd(a, _mm256_cvtps_pd(_mm256_castps256_ps128(x.lo)));
        b = _mm256_add_pd(b, _mm256_cvtps_pd(_mm256_extractf128_ps(x.lo, 1)));
        c = _mm256_add_pd(c, _mm256_cvtps_pd(_mm256_castps256_ps128(x.hi)));
        d = _mm256_add_pd(d, _mm256_cvtps_pd(_mm256_extractf128_ps(x.hi, 1)));
    }
    GB_INLINE void add_square(F16 x) {
        const __m256d p = _mm256_cvtps_pd(_mm256_castps256_ps128(x.lo)),
                      q = _mm256_cvtps_pd(_mm256_extractf128_ps(x.lo, 1)),
                      r = _mm256_cvtps_pd(_mm256_castps256_ps128(x.hi)),
                      s = _mm256_cvtps_pd(_mm256_extractf128_ps(x.hi, 1));
        a = _mm256_fmadd_pd(p, p, a);
        b = _mm256_fmadd_pd(q, q, b);
        c = _mm256_fmadd_pd(r, r, c);
        d = _mm256_fmadd_pd(s, s, d);
    }
    GB_INLINE void store(double* p) const {
        _mm256_storeu_pd(p, a);
        _mm256_storeu_pd(p + 4, b);
        _mm256_storeu_pd(p + 8, c);
        _mm256_storeu_pd(p + 12, d);
    }
};

#else

struct D16 {
    double v[16] = {};
    GB_INLINE void add(F16 x) {
        for (int i = 0; i < 16; ++i)
            v[i] += static_cast<double>(x.v[i]);
    }
    GB_INLINE void add_square(F16 x) {
        for (int i = 0; i < 16; ++i)
            v[i] += static_cast<double>(x.v[i]) * static_cast<double>(x.v[i]);
    }
    GB_INLINE void store(double* p) const {
        for (int i = 0; i < 16; ++i)
            p[i] = v[i];
    }
};

#endif

// The tree of reduce_add.
GB_INLINE double tree_sum(double (&v)[16]) {
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; ++i)
            v[i] += v[i + width];
    return v[0];
}
#if defined(GB_ISA_V4) || defined(GB_ISA_V3)
GB_INLINE double sum_of_four(__m256d four) {
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
#endif
GB_INLINE double reduce_add(const D16& a) {
#if defined(GB_ISA_V4)
    const __m512d eight = _mm512_add_pd(a.lo, a.hi);
    return sum_of_four(_mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1)));
#elif defined(GB_ISA_V3)
    return sum_of_four(_mm256_add_pd(_mm256_add_pd(a.a, a.c), _mm256_add_pd(a.b, a.d)));
#else
    double v[16];
    a.store(v);
    return tree_sum(v);
#endif
}

static_assert(kElementGrain == kPieceBlocks * kBlockUnit);

// Calls body(begin, end, sums) over the blocks of pieces of `grain` elements (or more, if there are many), where body
// writes N sums, and adds these to statistics (nullable). A piece is a task.
template <int N, class Body>
void sum_pieces(int threads, int64_t count, int64_t grain, double* statistics, Body&& body) {
    const Cut cut = cut_blocks(count, grain / kPieceBlocks);
    const int64_t pieces = (cut.blocks + kPieceBlocks - 1) / kPieceBlocks;
    double partial[kMostPieces][N];
    Team::run(threads, pieces, [&](int64_t piece) {
        for (double& sum : partial[piece])
            sum = 0;
        const int64_t first = piece * kPieceBlocks;
        for (int64_t b = first; b < cut.blocks && b < first + kPieceBlocks; ++b) {
            const int64_t begin = b * cut.block;
            double sums[N];
            body(begin, count - begin < cut.block ? count : begin + cut.block, sums);
            for (int i = 0; i < N; ++i)
                partial[piece][i] += sums[i];
        }
    });
    if (statistics == nullptr) return;
    for (int64_t piece = 0; piece < pieces; ++piece)
        for (int i = 0; i < N; ++i)
            statistics[i] += partial[piece][i];
}

// Sixteen weights. An element of weight 0 leaves no trace in any sum, even if it is not finite; the lanes past the end
// of the array weigh 0.
struct Weights {
    F16 value;
    M16 absent;

    GB_INLINE F16 times(F16 x) const { return select(absent, zero(), value * x); }
    GB_INLINE F16 only(F16 x) const { return select(absent, zero(), x); }
    GB_INLINE int count() const { return 16 - std::popcount(bits(absent)); }
    GB_INLINE int count(M16 m) const { return std::popcount(bits(m) & ~bits(absent)); }
};

// Weights of the n elements from i on; a null array is all 1.
template <class Lanes> GB_INLINE Weights load_weights(const float* weights, int64_t i, Lanes n) {
    alignas(64) static constexpr float kOnes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const F16 value = load(weights == nullptr ? kOnes : weights + i, n);
    return {value, value == zero()};
}

} // namespace gimbal::GB_ISA
