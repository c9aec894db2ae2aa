// exp, log and what is made of them, written once for every backend: F is a vector of lanes on the CPU and a float on
// the GPU. No library function is called, every fused multiply-add is explicit, so all backends give the same bits.
//
// F needs: + - * / (also unary -), fma, min, max, abs, select(mask, yes, no), comparisons, round_even, power_of_two(n),
// exponent(x), mantissa(x), copysign, and constant<F>(float).
#pragma once

namespace gimbal::GB_ISA {

template <class F> GB_INLINE F constant(float x);

// Polynomial c[0] x^(n-1) + ... + c[n-1] in Horner form.
template <class F, int N> GB_INLINE F horner(F x, const float (&c)[N]) {
    F y = constant<F>(c[0]);
    for (int i = 1; i < N; ++i)
        y = fma(y, x, constant<F>(c[i]));
    return y;
}

// y 2^n for integral n, where y and the result are normal numbers, so that every way to do it gives the same bits. A
// backend with an instruction for it overloads this. In two steps, since 2^n alone may overflow.
template <class F> GB_INLINE F times_power_of_two(F y, F n) {
    const F half = round_even(n * constant<F>(0.5f));
    return y * power_of_two(half) * power_of_two(n - half);
}

// The last floats whose e^x is a normal number, on this side of ln(2^-126) and of ln(max).
constexpr float kExpLowest = -87.3365402f, kExpHighest = 88.7228317f;
constexpr float kLog2E = 1.44269504088896f;

// e^r, r = x - n ln 2, by its Taylor series to r^7; ln 2 comes in two parts, of which the first times n is exact.
template <class F> GB_INLINE F exp_series(F x, F n) {
    F r = fma(n, constant<F>(-0.693145751953125f), x);
    r = fma(n, constant<F>(-1.42860682030941723e-6f), r);
    constexpr float kSeries[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    return horner(r, kSeries);
}

// e^x, at most 1 ulp for results that are normal numbers; exp(0) = 1, 0 below ln(2^-126), infinity above ln(max), NaN
// for NaN. Cody and Waite: x = n ln 2 + r, e^x = 2^n e^r.
template <class F> GB_INLINE F exp(F x) {
    const F clamped = min(max(x, constant<F>(kExpLowest)), constant<F>(kExpHighest));
    const F n = round_even(clamped * constant<F>(kLog2E));
    const F y = times_power_of_two(exp_series(clamped, n), n);
    const F bounded = select(x < constant<F>(kExpLowest), constant<F>(0.0f),
                             select(x > constant<F>(kExpHighest), constant<F>(kInfinity), y));
    return select(x == x, bounded, x);
}

// ln x, at most 2 ulp; -infinity at 0, NaN below, infinity at infinity. Subnormal numbers count as themselves.
// x = m 2^e with m in [sqrt(1/2), sqrt 2): ln x = e ln 2 + 2 artanh(s), s = (m - 1) / (m + 1), artanh by its odd
// series.
template <class F> GB_INLINE F log(F x) {
    constexpr float kSmallestNormal = 1.17549435e-38f;
    const auto small = x < constant<F>(kSmallestNormal);
    const F scaled = select(small, x * constant<F>(8388608.0f), x);
    F e = exponent(scaled) - select(small, constant<F>(23.0f), constant<F>(0.0f));
    F m = mantissa(scaled);
    const auto upper = m > constant<F>(1.41421356237310f);
    m = select(upper, m * constant<F>(0.5f), m);
    e = select(upper, e + constant<F>(1.0f), e);
    const F f = m - constant<F>(1.0f);
    const F s = f / (constant<F>(2.0f) + f);
    const F z = s * s;
    constexpr float kSeries[] = {2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3};
    // 2 artanh(s) = f - s (f - R), R = z (2/3 + 2/5 z + ...): the large term f is exact.
    const F tail = s * (f - z * horner(z, kSeries));
    const F low = fma(e, constant<F>(1.42860682030941723e-6f), -tail);
    const F y = fma(e, constant<F>(0.693145751953125f), f + low);
    const F finite = select(x == constant<F>(kInfinity), x, y);
    const F positive = select(x == constant<F>(0.0f), constant<F>(-kInfinity), finite);
    return select(x >= constant<F>(0.0f), positive, constant<F>((kInfinity - kInfinity)));
}

// ln(1 + x) for x >= 0: the rounding of 1 + x is taken back to first order.
template <class F> GB_INLINE F log1p(F x) {
    const F one = constant<F>(1.0f);
    const F u = one + x;
    const F lost = x - (u - one);
    return select(u == constant<F>(kInfinity), x, log(u) + lost / u);
}

// 1 / (1 + e^-x), at most 3 ulp; written as e^x / (1 + e^x) below 0, so that neither side overflows or cancels.
template <class F> GB_INLINE F sigmoid(F x) {
    const F one = constant<F>(1.0f);
    const F e = exp(-abs(x));
    return select(x >= constant<F>(0.0f), one, e) / (one + e);
}

// The same, and its derivative sigmoid(x) sigmoid(-x) without the cancellation of 1 - sigmoid(x).
template <class F> GB_INLINE F sigmoid(F x, F& slope) {
    const F one = constant<F>(1.0f);
    const F e = exp(-abs(x));
    const F larger = one / (one + e), smaller = e / (one + e);
    slope = larger * smaller;
    return select(x >= constant<F>(0.0f), larger, smaller);
}

// ln sigmoid(x) = min(x, 0) - ln(1 + e^-|x|).
template <class F> GB_INLINE F log_sigmoid(F x) {
    return min(x, constant<F>(0.0f)) - log1p(exp(-abs(x)));
}

// At most 2 ulp: an odd polynomial where 1 - 2 / (e^2x + 1) would cancel.
template <class F> GB_INLINE F tanh(F x) {
    const F one = constant<F>(1.0f);
    const F a = abs(x);
    const F z = a * a;
    constexpr float kSmall[] = {2.292744816e-3f,  -8.343945516e-3f, 2.176891865e-2f,
                                -5.395925958e-2f, 1.333330356e-1f,  -3.333333317e-1f};
    const F small = fma(a, z * horner(z, kSmall), a);
    const F large = one - constant<F>(2.0f) / (exp(a + a) + one);
    return copysign(select(a < constant<F>(0.625f), small, large), x);
}

// The error function, at most 2 ulp: x + x P(x^2) below 1, then 1 - exp(-x Q(x)), which is 1 from 3.95 on.
template <class F> GB_INLINE F erf(F x) {
    const F a = abs(x);
    constexpr float kSmall[] = {7.875875063e-5f, -8.016864287e-4f, 5.189087423e-3f, -2.685421201e-2f,
                                1.128359472e-1f, -3.761262667e-1f, 1.283791658e-1f};
    const F small = fma(a, horner(a * a, kSmall), a);
    // The limit first: min gives its second operand if one is NaN.
    const F t = min(constant<F>(3.95f), a);
    constexpr float kLarge[] = {-1.136026378e-6f, 3.608125450e-5f, -5.121127960e-4f, 4.360045702e-3f,
                                -2.527787506e-2f, 1.080525746e-1f, 6.339983575e-1f,  1.128949665f};
    const F large = constant<F>(1.0f) - exp(-(t * horner(t, kLarge)));
    return copysign(select(a < constant<F>(1.0f), small, large), x);
}

} // namespace gimbal::GB_ISA
