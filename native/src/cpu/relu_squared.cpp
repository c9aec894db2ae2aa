// The squared rectifier, element by element.
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

// NaN stays NaN: max gives its second operand where one is.
GB_INLINE static F16 rectified(F16 x) {
    return max(zero(), x);
}

void cpu_relu_squared(Cpu& cpu, const void* x, void* y, int64_t count, gb_dtype) {
    const float* input = static_cast<const float*>(x);
    float* output = static_cast<float*>(y);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 v = rectified(load(input + i, n));
            store(output + i, v * v, n);
        });
    });
}

void cpu_relu_squared_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t count, gb_dtype) {
    const float* gradient = static_cast<const float*>(dy);
    const float* input = static_cast<const float*>(x);
    float* output = static_cast<float*>(dx);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 v = rectified(load(input + i, n));
            store(output + i, load(gradient + i, n) * (v + v), n);
        });
    });
}

} // namespace gimbal::GB_ISA
