// What a matrix product multiplies: one link of the chain of additions behind each output.
//
// In bfloat16 a link takes two elements of the depth, a pair in each 32-bit word, as AVX-512's vdpbf16ps does: the odd
// element first, fma(a0, b0, fma(a1, b1, sum)), each fused multiply-add rounded, subnormal numbers taken and given as
// 0. The other kinds of link give the bits of the instruction.
#pragma once

#include "cpu/bfloat16.h"
#include "cpu/isa.h"

#include <type_traits>

namespace gimbal::GB_ISA {

// Elements of the depth in a 32-bit word of a panel.
template <class Element> constexpr int64_t kPerWord = static_cast<int64_t>(sizeof(float) / sizeof(Element));
template <class Element> constexpr int64_t words_of(int64_t depth) {
    return (depth + kPerWord<Element> - 1) / kPerWord<Element>;
}

// The processor's mode as it is.
struct UsualMode {
    GB_INLINE static void hold(F16&) {}
};

// A chain's kind: its elements, link(a, b, sum), and the mode of the processor that its links need. Of bfloat16 also
// how two vectors of float32 become words: neighbours as in pairs(), one with one as in interleave(). What of a
// subnormal number remains makes no difference to a link.
struct FloatChain {
    using Element = float;
    using Mode = UsualMode;
    GB_INLINE static F16 link(F16 a, F16 b, F16 sum) { return fma(a, b, sum); }
};

// Rounding without an instruction.
struct PlainRounding {
    GB_INLINE static F16 round_pairs(F16 a, F16 b) { return pairs(narrow(a), narrow(b)); }
    GB_INLINE static F16 round_interleave(F16 a, F16 b) { return interleave(narrow(a), narrow(b)); }
};

#if defined(GB_ISA_V4)
// Where the processor has the instruction (has_pair_product). As assembly: the file is compiled without it.
struct PairChain {
    using Element = bf16;
    using Mode = UsualMode;
    GB_INLINE static F16 link(F16 a, F16 b, F16 sum) {
#if defined(_MSC_VER)
        return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh&>(a.v), reinterpret_cast<__m512bh&>(b.v))};
#else
        __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
        return sum;
#endif
    }
    GB_INLINE static F16 round_pairs(F16 a, F16 b) {
#if defined(_MSC_VER)
        return words(reinterpret_cast<const __m512i&>(_mm512_cvtne2ps_pbh(b.v, a.v)));
#else
        F16 y;
        __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(y.v) : "v"(b.v), "v"(a.v));
        return y;
#endif
    }
    GB_INLINE static F16 round_interleave(F16 a, F16 b) {
        alignas(64) static constexpr int16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
        const __m512i y = _mm512_castps_si512(round_pairs(a, b).v);
        return words(_mm512_permutexvar_epi16(_mm512_load_si512(kOrder), y));
    }
};
#endif

#if defined(GB_ISA_V4) || defined(GB_ISA_V3)

// While it lives, the processor takes and gives subnormal numbers as 0. Numbers pass through hold() at its begin and
// end: the compiler knows of no modes, and would move arithmetic across.
class FlushedSubnormals {
public:
    FlushedSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
    ~FlushedSubnormals() { _mm_setcsr(before_); }
    FlushedSubnormals(const FlushedSubnormals&) = delete;
    FlushedSubnormals& operator=(const FlushedSubnormals&) = delete;

    GB_INLINE static void hold([[maybe_unused]] F16& x) {
#if defined(GB_ISA_V4) && defined(__GNUC__)
        __asm__ volatile("" : "+v"(x.v));
#elif defined(__GNUC__)
        __asm__ volatile("" : "+x"(x.lo), "+x"(x.hi));
#endif
    }

private:
    unsigned before_;
};

struct EmulatedPairChain : PlainRounding {
    using Element = bf16;
    using Mode = FlushedSubnormals;
    GB_INLINE static F16 link(F16 a, F16 b, F16 sum) {
        const F16 odd = fma(second_of_pair(a), second_of_pair(b), sum);
        return fma(first_of_pair(a), first_of_pair(b), odd);
    }
};

#else

struct EmulatedPairChain : PlainRounding {
    using Element = bf16;
    using Mode = UsualMode;

    static float flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
    // At the border of the subnormal numbers the rounding without a bound on the exponent decides.
    static float multiply_add(float a, float b, float c) {
        const float x = flushed(a), y = flushed(b), z = flushed(c), sum = std::fma(x, y, z);
        if (std::fabs(sum) > 0x1p-126f || sum != sum) return sum;
        const float scaled = std::fma(x * 0x1p30f, y, z * 0x1p30f);
        return std::fabs(scaled) < 0x1p-96f ? std::copysign(0.0f, scaled) : sum;
    }
    GB_INLINE static F16 link(F16 a, F16 b, F16 sum) {
        const F16 a0 = first_of_pair(a), a1 = second_of_pair(a), b0 = first_of_pair(b), b1 = second_of_pair(b);
        return lanewise(
            [&](int i) { return multiply_add(a0.v[i], b0.v[i], multiply_add(a1.v[i], b1.v[i], sum.v[i])); });
    }
};

#endif

// Calls body with the chain of products of Element.
template <class Element, class Body> void with_chain(Body&& body) {
    if constexpr (std::is_same_v<Element, float>) {
        body(FloatChain{});
    } else {
#if defined(GB_ISA_V4)
        if (has_pair_product()) return body(PairChain{});
#endif
        body(EmulatedPairChain{});
    }
}

} // namespace gimbal::GB_ISA
