// GELU. The tanh form is x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3), since (1 + tanh u) / 2 = sigmoid(2u): no
// cancellation for negative x.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

namespace {

constexpr float kTwoRootTwoOverPi = 1.5957691216057308f; // 2 sqrt(2/pi)
constexpr float kCubic = 0.044715f;
constexpr float kRootHalf = 0.70710678118654752f;
constexpr float kDensityAtZero = 0.39894228040143268f; // 1/sqrt(2 pi)
// Where sigmoid(2u) is 0 or 1 in float32; keeps x^3 and its product with the vanished slope finite.
constexpr float kFlat = 16.0f;

GB_INLINE F16 flattened(F16 x) {
    return max(broadcast(-kFlat), min(broadcast(kFlat), x));
}

// 2u at a flattened x.
GB_INLINE F16 tanh_argument(F16 t) {
    return broadcast(kTwoRootTwoOverPi) * fma(t * t * t, broadcast(kCubic), t);
}
GB_INLINE F16 tanh_cdf(F16 x) {
    return sigmoid(tanh_argument(flattened(x)));
}
GB_INLINE F16 erf_cdf(F16 x) {
    const F16 half = broadcast(0.5f);
    return fma(half, erf(x * broadcast(kRootHalf)), half);
}

GB_INLINE F16 tanh_slope(F16 x) {
    const F16 t = flattened(x);
    const F16 du = broadcast(kTwoRootTwoOverPi) * fma(t * t, broadcast(3.0f * kCubic), broadcast(1.0f));
    F16 slope;
    const F16 cdf = sigmoid(tanh_argument(t), slope);
    return fma(t * slope, du, cdf);
}
GB_INLINE F16 erf_slope(F16 x) {
    const F16 density = broadcast(kDensityAtZero) * exp(x * x * broadcast(-0.5f));
    return fma(x, density, erf_cdf(x));
}

template <class Body> void over_elements(Cpu& cpu, int64_t count, Body&& body) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) { for_lanes(begin, end, body); });
}

} // namespace

void cpu_gelu(Cpu& cpu, const void* x, void* y, int64_t count, int32_t form, gb_dtype) {
    const float* input = static_cast<const float*>(x);
    float* output = static_cast<float*>(y);
    const auto apply = [&](auto cdf) {
        over_elements(cpu, count, [&](int64_t i, auto n) {
            const F16 v = load(input + i, n);
            store(output + i, v * cdf(v), n);
        });
    };
    if (form == GB_GELU_ERF)
        apply([](F16 v) { return erf_cdf(v); });
    else
        apply([](F16 v) { return tanh_cdf(v); });
}

void cpu_gelu_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t count, int32_t form, gb_dtype) {
    const float* gradient = static_cast<const float*>(dy);
    const float* input = static_cast<const float*>(x);
    float* output = static_cast<float*>(dx);
    const auto apply = [&](auto slope) {
        over_elements(cpu, count, [&](int64_t i, auto n) {
            store(output + i, load(gradient + i, n) * slope(load(input + i, n)), n);
        });
    };
    if (form == GB_GELU_ERF)
        apply([](F16 v) { return erf_slope(v); });
    else
        apply([](F16 v) { return tanh_slope(v); });
}

} // namespace gimbal::GB_ISA
