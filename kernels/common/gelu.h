// GELU for one element, written once for every backend, as in math.h. The tanh form is x sigmoid(2u),
// u = sqrt(2/pi) (x + 0.044715 x^3), since (1 + tanh u) / 2 = sigmoid(2u): no cancellation for negative x.
#pragma once

namespace gimbal::GB_ISA {

constexpr float kTwoRootTwoOverPi = 1.5957691216057308f; // 2 sqrt(2/pi)
constexpr float kCubic = 0.044715f;
constexpr float kRootHalf = 0.70710678118654752f;
constexpr float kDensityAtZero = 0.39894228040143268f; // 1/sqrt(2 pi)
// Where sigmoid(2u) is 0 or 1 in float32; keeps x^3 and its product with the vanished slope finite.
constexpr float kFlat = 16.0f;

template <class F> GB_INLINE F flattened(F x) {
    return max(constant<F>(-kFlat), min(constant<F>(kFlat), x));
}

// 2u at a flattened x.
template <class F> GB_INLINE F tanh_argument(F t) {
    return constant<F>(kTwoRootTwoOverPi) * fma(t * t * t, constant<F>(kCubic), t);
}

// y = x cdf(x), dx = dy slope(x).
struct GeluTanh {
    template <class F> static GB_INLINE F cdf(F x) { return sigmoid(tanh_argument(flattened(x))); }
    template <class F> static GB_INLINE F slope(F x) {
        const F t = flattened(x);
        const F du = constant<F>(kTwoRootTwoOverPi) * fma(t * t, constant<F>(3.0f * kCubic), constant<F>(1.0f));
        F rise;
        const F below = sigmoid(tanh_argument(t), rise);
        return fma(t * rise, du, below);
    }
};

struct GeluErf {
    template <class F> static GB_INLINE F cdf(F x) {
        const F half = constant<F>(0.5f);
        return fma(half, erf(x * constant<F>(kRootHalf)), half);
    }
    template <class F> static GB_INLINE F slope(F x) {
        const F density = constant<F>(kDensityAtZero) * exp(x * x * constant<F>(-0.5f));
        return fma(x, density, cdf(x));
    }
};

} // namespace gimbal::GB_ISA
